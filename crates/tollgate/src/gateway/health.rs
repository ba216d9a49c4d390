//! Active health checks of targets.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tollgate_core::upstream::Health;

use super::exchange::connect;
use crate::state::Live;
use crate::state::upstreams::{TargetState, UpstreamState};

/// Checks all targets that have a health path, each at its own pace, until dropped.
pub async fn watch(live: Arc<Live>) {
    let mut checks = JoinSet::new();
    for upstream in live.upstreams.values() {
        match &upstream.upstream.health {
            Some(health) => {
                for target in &upstream.targets {
                    checks.spawn(check(upstream.clone(), target.clone(), health.clone()));
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

async fn check(upstream: Arc<UpstreamState>, target: Arc<TargetState>, health: Health) {
    let within = health.every.min(upstream.upstream.timeout.first_byte);
    loop {
        let outcome = probe(&target, &health.path, upstream.upstream.timeout.connect, within).await;
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
    within: Duration,
) -> anyhow::Result<StatusCode> {
    let io = connect(target, connect_within).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    let request = Request::get(format!("{}{path}", target.target.base))
        .header(HOST, target.host.clone())
        .header(USER_AGENT, "tollgate-health")
        .body(Empty::<bytes::Bytes>::new())?;
    let answer = async {
        // The connection is driven beside the answer and ends with it.
        tokio::select! {
            answer = sender.send_request(request) => answer.map_err(anyhow::Error::from),
            ended = connection => match ended {
                Ok(()) => Err(anyhow::anyhow!("the target closed the connection")),
                Err(error) => Err(error.into()),
            },
        }
    };
    Ok(tokio::time::timeout(within, answer).await??.status())
}
