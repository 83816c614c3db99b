//! Whether a program takes packets already, by what it has open.
use std::fs;
use std::path::Path;

/// Whether a packet socket listens on each of these interfaces (by number), or on all, in the network of this thread.
pub(crate) fn listens(interfaces: &[u32]) -> bool {
    fs::read_to_string("/proc/thread-self/net/packet").is_ok_and(|text| all_listened_to(&text, interfaces))
}

/// `/proc/net/packet`: a line of titles; then socket, references, type, protocol, interface, whether it runs, ...
fn all_listened_to(text: &str, interfaces: &[u32]) -> bool {
    let listening: Vec<u32> = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(4);
            let (interface, runs) = (fields.next()?, fields.next()?);
            (runs == "1").then(|| interface.parse().ok())?
        })
        .collect();
    interfaces.iter().all(|i| listening.contains(i) || listening.contains(&0))
}

/// Whether somebody in this thread's network is connected to each of these sockets: the kernel has both ends of a connection
/// in the network of who connects.
pub(crate) fn is_connected(sockets: &[&Path]) -> bool {
    fs::read_to_string("/proc/thread-self/net/unix").is_ok_and(|text| all_connected(&text, sockets))
}

/// `/proc/net/unix`: a line of titles; then number, references, protocol, flags, type, state, inode, path. State 3 is
/// connected; the listening socket has another.
fn all_connected(text: &str, sockets: &[&Path]) -> bool {
    let connected = |path: &Path| {
        text.lines().skip(1).any(|line| {
            let mut fields = line.split_whitespace().skip(5);
            fields.next() == Some("03") && fields.nth(1).is_some_and(|p| Path::new(p) == path)
        })
    };
    sockets.iter().all(|path| connected(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_must_have_a_socket_that_runs() {
        let text = "sk RefCnt Type Proto Iface R Rmem User Inode\n\
                    0000000000000000 3 3 0003 2 1 0 0 12345\n\
                    0000000000000000 3 3 0003 3 0 0 0 12346\n";
        assert!(all_listened_to(text, &[2]));
        assert!(!all_listened_to(text, &[2, 3]), "the second does not run");
        assert!(all_listened_to(&format!("{text}0 3 3 0003 0 1 0 0 12347\n"), &[2, 3]), "one for all");
        assert!(!all_listened_to("", &[1]));
    }

    #[test]
    fn each_socket_must_be_connected() {
        let text = "Num RefCount Protocol Flags Type St Inode Path\n\
                    0: 2 0 00010000 0005 01 1 /run/a\n0: 3 0 0 0005 03 2 /run/a\n0: 2 0 00010000 0005 01 3 /run/b\n";
        assert!(all_connected(text, &[Path::new("/run/a")]));
        assert!(!all_connected(text, &[Path::new("/run/a"), Path::new("/run/b")]));
    }
}
