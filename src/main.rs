//! The command. Its work is in [`pad_migrate::commands`], so that the library's build is shared with it.

fn main() -> std::process::ExitCode {
    pad_migrate::commands::start::main()
}
