//! Active health checks of targets.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::{Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tollgate_core::upstream::Health;

use super::exchange::connect;
use super::wire::{Lookout, poll_fill, response};
use crate::config::process::Bounds;
use crate::state::Live;
use crate::state::upstreams::{TargetState, UpstreamState};

/// Checks all targets that have a health path, each at its own pace, until dropped.
pub async fn watch(live: Arc<Live>, bounds: Bounds) {
    let mut checks = JoinSet::new();
    for upstream in live.upstreams.values() {
        match &upstream.upstream.health {
            Some(health) => {
                for target in &upstream.targets {
                    checks.spawn(check(upstream.clone(), target.clone(), health.clone(), bounds));
                }
            }
            // Checks that a reload has taken away must not leave a target marked.
            None => upstream.targets.iter().for_each(|target| {
                target.set_healthy(true);
            }),
        }
    }
    while checks.join_next().await.is_some() {}
    std::future::pending::<()>().await;
}

async fn check(upstream: Arc<UpstreamState>, target: Arc<TargetState>, health: Health, bounds: Bounds) {
    let within = health.every.min(upstream.upstream.timeout.first_byte);
    loop {
        let asked = async {
            let answer = probe(&target, &health.path, upstream.upstream.timeout.connect, &bounds);
            tokio::time::timeout(within, answer).await?
        };
        let outcome = asked.await;
        let healthy = outcome.as_ref().is_ok_and(StatusCode::is_success);
        if target.set_healthy(healthy) {
            let name = &upstream.upstream.name;
            let address = &target.target.authority;
            match healthy {
                true => tracing::info!(upstream = %name, %address, "the target is healthy again"),
                false => {
                    let answer =
                        outcome.map_or_else(|error| format!("{error:#}"), |status| status.to_string());
                    tracing::warn!(upstream = %name, %address, answer, "the target is unhealthy");
                }
            }
        }
        tokio::time::sleep(health.every).await;
    }
}

async fn probe(
    target: &TargetState,
    path: &str,
    connect_within: Duration,
    bounds: &Bounds,
) -> anyhow::Result<StatusCode> {
    let mut io = connect(target, connect_within).await?;
    let (base, host) = (&target.target.base, target.target.authority.as_str());
    let head = format!(
        "GET {base}{path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: tollgate-health\r\nconnection: close\r\n\r\n"
    );
    io.write_all(head.as_bytes()).await?;
    io.flush().await?;
    let (mut input, mut lookout) = (BytesMut::new(), Lookout::default());
    loop {
        let head = response::next(&mut input, &mut lookout, &Method::GET, bounds);
        match head.map_err(|_| anyhow::anyhow!("the target's answer is no HTTP"))? {
            Some(head) if head.status.is_informational() => continue,
            Some(head) => return Ok(head.status),
            None => {}
        }
        if poll_fn(|cx| poll_fill(&mut io, &mut input, 0, cx)).await? == 0 {
            anyhow::bail!("the target closed the connection");
        }
    }
}
