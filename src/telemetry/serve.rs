//! GET /metrics over plain HTTP, in the text format that the scraper asks for.
//!
//! It serves numbers only, so it asks nobody who they are.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::metrics::{Exposition, Metrics};

/// Serves until `stop`, then finishes what is being answered. A client that does not read can hold that up: bound it.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, metrics_router(metrics)).with_graceful_shutdown(stop).await
}

/// The one route.
pub fn metrics_router(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(text)).with_state(metrics)
}

async fn text(State(metrics): State<Arc<Metrics>>, headers: HeaderMap) -> impl IntoResponse {
    let accepts = |accept: &str| accept.contains("application/openmetrics-text");
    let wanted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(accepts);
    match wanted {
        true => ([(CONTENT_TYPE, OPEN_METRICS)], metrics.text(Exposition::OpenMetrics)),
        false => ([(CONTENT_TYPE, PROMETHEUS)], metrics.text(Exposition::Prometheus)),
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
