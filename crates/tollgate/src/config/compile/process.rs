//! Listeners, threads and bounds.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::context::Context;
use super::{ledger, pem, shared, store};
use crate::config::file::File;
use crate::config::file::amount::ByteSize;
use crate::config::file::process::{self as file, Listed, Listen, Workers};
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;
use crate::config::process::{Admin, Bounds, Connections, Listener, ListenerTls, Process};
use crate::config::source::Span;
use crate::role::Role;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// What the file says about the process; nothing where no listener is left.
pub(super) fn process(cx: &mut Context<'_>, file: &File) -> Option<Process> {
    let listen = listeners(cx, file);
    let data_dir = cx.path(file.data_dir.as_deref().unwrap_or("tollgate-data"));
    let store = store::place(cx, file, &data_dir);
    let shared = shared::shared(cx, file);
    shared::gaps(cx, file, shared.as_ref(), &store);
    Some(Process {
        role: Role::All,
        listen: listen?,
        admin: admin(cx, file),
        probes: file.probes.as_ref().map(|probes| probes.listen.value.0),
        auth_api: auth_api(cx, file),
        callers: file.auth_api.as_ref().and_then(|api| {
            api.callers.as_ref().map(|networks| networks.iter().map(|network| network.0).collect())
        }),
        workers: match file.workers {
            None | Some(Workers::Auto) => None,
            Some(Workers::Count(count)) => Some(count),
        },
        drain: file.drain.as_ref().map_or(Duration::from_secs(10), |drain| drain.0),
        store,
        directory: store::directory(cx, file),
        auth_service: store::auth_service(cx, file),
        shared,
        ledger: ledger::ledger(cx, file),
        data_dir,
        bounds: file.bounds.as_ref().map_or_else(Bounds::default, |file| bounds(cx, file)),
    })
}

/// Every address that the file asks to listen on, with its place; those of the gate come first.
pub(super) fn addresses(file: &File) -> Vec<(SocketAddr, Span)> {
    let mut addresses = match &file.listen {
        None => vec![(DEFAULT_LISTEN, Span::default())],
        Some(Listen::One(address)) => vec![(address.value.0, address.span)],
        Some(Listen::Several(list)) => {
            list.iter().map(|one| (one.address().value.0, one.address().span)).collect()
        }
    };
    let own = [
        file.admin.as_ref().map(|admin| &admin.listen),
        file.probes.as_ref().map(|probes| &probes.value.listen),
        file.auth_api.as_ref().map(|auth_api| &auth_api.value.listen),
    ];
    addresses.extend(own.into_iter().flatten().map(|listen| (listen.value.0, listen.span)));
    addresses
}

fn listeners(cx: &mut Context<'_>, file: &File) -> Option<Vec<Listener>> {
    let addresses = addresses(file);
    for (index, (address, span)) in addresses.iter().enumerate() {
        let earlier = addresses[..index].iter().find(|(other, _)| other == address && address.port() != 0);
        if let Some((_, first)) = earlier {
            let finding = Finding::at(*span, format!("two listeners have the address `{address}`"));
            cx.error(finding.beside(*first, "the first"));
        }
    }
    let listeners = match &file.listen {
        None => vec![plain(DEFAULT_LISTEN)],
        Some(Listen::One(address)) => vec![plain(address.value.0)],
        Some(Listen::Several(list)) => {
            if list.is_empty() {
                cx.error(Finding::at(list.span, "the list of listeners is empty"));
            }
            list.iter()
                .map(|one| match one {
                    Listed::Plain(address) => plain(address.value.0),
                    Listed::Detailed(one) => listener(cx, one),
                })
                .collect()
        }
    };
    for (listener, (_, span)) in listeners.iter().zip(&addresses) {
        if listener.tls.is_none() && !listener.address.ip().is_loopback() {
            let message = format!("the listener `{}` takes credentials without TLS", listener.address);
            cx.warn(
                Finding::at(*span, message)
                    .hint("add `tls: { cert, key }`, or let only a TLS proxy reach it"),
            );
        }
    }
    Some(listeners).filter(|listeners| !listeners.is_empty())
}

/// A listener of which the file says the address alone.
fn plain(address: SocketAddr) -> Listener {
    Listener { address, tls: None, trusted_proxies: Vec::new(), connections: Connections::default() }
}

fn listener(cx: &mut Context<'_>, file: &file::Listener) -> Listener {
    let defaults = Connections::default();
    let connections = file.connections.as_ref().map_or(defaults, |caps| Connections {
        per_address: cap(cx, caps.per_address.as_ref(), defaults.per_address),
        total: cap(cx, caps.total.as_ref(), defaults.total),
    });
    Listener {
        address: file.address.value.0,
        tls: file.tls.as_ref().map(|tls| listener_tls(cx, tls)),
        trusted_proxies: file.trusted_proxies.iter().map(|network| network.0).collect(),
        connections,
    }
}

fn listener_tls(cx: &mut Context<'_>, file: &file::ListenerTls) -> ListenerTls {
    pem::identity(cx, &file.cert, &file.key);
    if let Some(roots) = &file.client_ca {
        pem::certificates(cx, roots);
    }
    ListenerTls {
        cert: cx.path(&file.cert),
        key: cx.path(&file.key),
        client_ca: file.client_ca.as_ref().map(|path| cx.path(path)),
    }
}

/// Admin keys travel in a header, so off loopback this listener needs TLS.
fn admin(cx: &mut Context<'_>, file: &File) -> Option<Admin> {
    let admin = file.admin.as_ref()?;
    let listen = &admin.listen;
    if admin.tls.is_none() && !listen.value.0.ip().is_loopback() {
        let finding =
            Finding::at(listen.span, "the admin listener takes admin keys and needs TLS off loopback");
        cx.error(finding.hint("add `tls: { cert, key }`, or write `127.0.0.1:8081`"));
    }
    for host in &admin.hosts {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_name) {
            let finding = Finding::at(host.span, format!("`{}` is no host name", host.escape_debug()));
            cx.error(finding.hint("write a name without scheme and port, such as `gate.example.com`"));
        }
    }
    Some(Admin {
        address: listen.value.0,
        tls: admin.tls.as_ref().map(|tls| listener_tls(cx, tls)),
        hosts: admin.hosts.iter().map(|host| host.value.clone()).collect(),
    })
}

/// Keys of callers travel through it, as they do through a listener of the gate.
fn auth_api(cx: &mut Context<'_>, file: &File) -> Option<SocketAddr> {
    let listen = &file.auth_api.as_ref()?.listen;
    if !listen.value.0.ip().is_loopback() {
        let message = format!("the listener `{}` takes credentials without TLS", listen.value.0);
        cx.warn(Finding::at(listen.span, message).hint("let only gateways of yours reach it"));
    }
    Some(listen.value.0)
}

fn bounds(cx: &mut Context<'_>, file: &file::Bounds) -> Bounds {
    let defaults = Bounds::default();
    let bounds = Bounds {
        header_fields: cap(cx, file.header_fields.as_ref(), defaults.header_fields),
        header_bytes: bytes(cx, file.header_bytes.as_ref(), defaults.header_bytes),
        head_bytes: bytes(cx, file.head_bytes.as_ref(), defaults.head_bytes),
        target_bytes: bytes(cx, file.target_bytes.as_ref(), defaults.target_bytes),
        head_timeout: cx.positive(file.head_timeout.as_ref(), defaults.head_timeout),
        body_rate: file.body_rate.as_ref().map_or(defaults.body_rate, |rate| rate.value.0),
        body_grace: cx.positive(file.body_grace.as_ref(), defaults.body_grace),
        held_bodies: file.held_bodies.as_ref().map_or(defaults.held_bodies, |size| size.value.0),
        idle: cx.positive(file.idle.as_ref(), defaults.idle),
        write_stall: cx.positive(file.write_stall.as_ref(), defaults.write_stall),
        tls_handshake: cx.positive(file.tls_handshake.as_ref(), defaults.tls_handshake),
        pipeline: cap(cx, file.pipeline.as_ref(), defaults.pipeline),
        h2_streams: cx.at_least_one(file.h2_streams.as_ref(), defaults.h2_streams),
    };
    for (part, given) in
        [(bounds.header_bytes, &file.header_bytes), (bounds.target_bytes, &file.target_bytes)]
    {
        if let Some(given) = given.as_ref().filter(|_| part > bounds.head_bytes) {
            let message = format!("this is more than a whole head may have ({} bytes)", bounds.head_bytes);
            cx.error(Finding::at(given.span, message).hint("raise `head_bytes` too"));
        }
    }
    bounds
}

fn cap(cx: &mut Context<'_>, number: Option<&Spanned<u32>>, default: usize) -> usize {
    match number {
        None => default,
        Some(_) => usize::try_from(cx.at_least_one(number, 1)).unwrap_or(usize::MAX),
    }
}

fn bytes(cx: &mut Context<'_>, size: Option<&Spanned<ByteSize>>, default: usize) -> usize {
    let Some(size) = size else { return default };
    // A head is held in memory, whole, for every open connection.
    match usize::try_from(size.value.0) {
        Ok(bytes @ 256..=16_777_216) => bytes,
        _ => {
            cx.error(Finding::at(size.span, "expected a size from `256` to `16MiB`"));
            default
        }
    }
}
