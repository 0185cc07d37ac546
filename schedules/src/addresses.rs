//! The addresses of a deployment's switch and nodes, by the deployment's number.

use std::net::IpAddr;

/// The switch's address.
pub(crate) fn device_ip(index: usize) -> IpAddr {
    IpAddr::from([10, 1, index_byte(index), 2])
}

/// The address that the TPVM must keep.
pub(crate) fn tpvm_ip(index: usize) -> IpAddr {
    IpAddr::from([10, 2, index_byte(index), 2])
}

/// The active node's address.
pub(crate) fn peer_ip(index: usize) -> IpAddr {
    IpAddr::from([10, 2, index_byte(index), 1])
}

/// Where no TPVM belongs.
pub(crate) fn elsewhere() -> IpAddr {
    IpAddr::from([10, 9, 9, 9])
}

fn index_byte(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}
