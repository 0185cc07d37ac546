use std::net::{Ipv4Addr, TcpListener};

use crate::ServicesError;

/// How often a server is started before its failure is believed to be more than a taken port.
pub(crate) const ATTEMPTS: usize = 3;

/// `N` different ports that are free now. Someone else may take one before it is used: whoever
/// starts a server on them tries again with new ones.
pub(crate) fn free<const N: usize>() -> Result<[u16; N], ServicesError> {
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(ServicesError::Port)?;
        *port = listener.local_addr().map_err(ServicesError::Port)?.port();
        listeners.push(listener);
    }
    Ok(ports)
}
