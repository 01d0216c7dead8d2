//! Signs a manifest, and checks signatures, with ssh-keygen: keys are the operator's own, and who checks needs no
//! program of this project.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::migration::evidence::changes::Signed;
use crate::migration::evidence::names::{MANIFEST, SIGNATURE};

/// What signatures are for (ssh-keygen(1), `-n`): one for another purpose is not taken for one of evidence.
pub(crate) const NAMESPACE: &str = "pad-migrate-evidence";

/// How long ssh-keygen may take: long enough to type a passphrase, or to touch a key.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why something is not signed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum SignatureError {
    #[error("ssh-keygen, which signs, can't be run: {0}; install OpenSSH's client programs, or leave out --sign")]
    Missing(std::io::Error),
    #[error(
        "--sign {key}: {reason}; name a private key that ssh-keygen can use, or a public key whose agent is running"
    )]
    Key { key: String, reason: String },
    #[error("manifest.json can't be read: {0}; check the folder")]
    Manifest(String),
    #[error("ssh-keygen gave no answer within {} s", PATIENCE.as_secs())]
    Slow,
}

async fn run(arguments: &[&Path], stdin: Stdio) -> Result<Result<String, String>, SignatureError> {
    let mut command = Command::new("ssh-keygen");
    command.args(arguments).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(SignatureError::Missing)?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.map_err(|_| SignatureError::Slow)?.map_err(SignatureError::Missing)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().replace(['\r', '\n'], " ");
    Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

fn flags<'a>(flags: &'a [&'a str]) -> impl Iterator<Item = &'a Path> {
    flags.iter().map(Path::new)
}

/// Whether a key can be used, as far as that can be seen without its passphrase.
pub async fn check_key(key: &Path) -> Result<(), SignatureError> {
    let arguments: Vec<&Path> = flags(&["-l", "-f"]).chain([key]).collect();
    let shown = run(&arguments, Stdio::null()).await?;
    shown.map(drop).map_err(|reason| SignatureError::Key { key: key.display().to_string(), reason })
}

/// Signs the manifest in a folder; the signature is beside it.
pub async fn sign_manifest(key: &Path, folder: &Path) -> Result<(), SignatureError> {
    let file = folder.join(MANIFEST);
    let arguments: Vec<&Path> = flags(&["-Y", "sign", "-n", NAMESPACE, "-f"]).chain([key, &file]).collect();
    let signed = run(&arguments, Stdio::null()).await?;
    signed.map(drop).map_err(|reason| SignatureError::Key { key: key.display().to_string(), reason })
}

/// Checks the signature of a folder's manifest, if there is one: against a list of keys, which says who signs with which
/// (ssh-keygen(1), ALLOWED SIGNERS), or else only against the manifest.
pub async fn check_signature(folder: &Path, signers: Option<(&Path, &str)>) -> Result<Signed, SignatureError> {
    let (file, signature) = (folder.join(MANIFEST), folder.join(SIGNATURE));
    if !signature.exists() {
        return Ok(Signed::Not);
    }
    let content = std::fs::File::open(&file).map_err(|error| SignatureError::Manifest(error.to_string()))?;
    let mut arguments: Vec<&Path> = match &signers {
        Some((list, who)) => flags(&["-Y", "verify", "-f"]).chain([*list, Path::new("-I"), Path::new(who)]).collect(),
        None => flags(&["-Y", "check-novalidate"]).collect(),
    };
    arguments.extend([Path::new("-n"), Path::new(NAMESPACE), Path::new("-s"), &signature]);
    let found = run(&arguments, Stdio::from(content)).await?;
    Ok(match (found, signers) {
        (Ok(text), Some(_)) => Signed::By(text),
        (Ok(text), None) => Signed::BySomeKey(text),
        (Err(reason), _) => Signed::Wrong(reason),
    })
}
