//! Small messages over TCP, sent at once.
//!
//! The driver (sqlx 0.9) leaves Nagle's algorithm on and gives out no socket: what follows a message waits then until the
//! server has acknowledged it, which Linux delays by 40 ms. A COPY is three messages.

/// Has every TCP connection of this process send what it is given without waiting for more. Does nothing where the
/// system has no descriptors of descriptors (Linux has them since 5.6) or a sandbox doesn't let them be asked for.
#[cfg(target_os = "linux")]
pub fn send_at_once() {
    use rustix::net::sockopt::set_tcp_nodelay;
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let Ok(own) = pidfd_open(getpid(), PidfdFlags::empty()) else { return };
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    for number in open.flatten().filter_map(|it| it.file_name().to_str()?.parse().ok()) {
        // A copy is the same socket; what isn't one of TCP has no such option.
        if let Ok(copy) = pidfd_getfd(&own, number, PidfdGetfdFlags::empty()) {
            let _ = set_tcp_nodelay(copy, true);
        }
    }
}

/// Elsewhere the driver's sockets can't be found.
#[cfg(not(target_os = "linux"))]
pub fn send_at_once() {}
