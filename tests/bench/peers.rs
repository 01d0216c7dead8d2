use super::Result;

pub(super) async fn peers(rows: u64, rounds: u32) -> Result<String> {
    let _ = (rows, rounds);
    Ok(String::new())
}
