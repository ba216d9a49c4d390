use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use hyper::body::Frame;

use super::*;

/// A body that ends after its text, or never.
struct Slow {
    text: Option<&'static str>,
    ends: bool,
}

impl hyper::body::Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        match self.text.take() {
            Some(text) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[test]
fn bytes_buy_time() {
    let check = |bytes: usize, seconds: u64| assert_eq!(PACE.time_for(bytes).as_secs(), seconds, "{bytes}");
    check(0, 5);
    check(1023, 5);
    check(10 * 1024, 15);
    check(MOST, 25);
    check(usize::MAX, 25);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_waited_for_no_longer() {
    let short = Duration::from_millis(20);
    for (pace, sent, ends, status) in [
        (Pace { grace: short, ..PACE }, "", false, Some(408)),
        (Pace { grace: short, rate: 1_000_000, ..PACE }, "{", false, Some(408)),
        (Pace { whole: short, ..PACE }, "{", false, Some(408)),
        (PACE, "{}", true, None),
    ] {
        let body = Body::new(Slow { text: Some(sent).filter(|text| !text.is_empty()), ends });
        let answer = read(&HeaderMap::new(), body, pace).await;
        let body = answer.as_ref().err().map(|problem| problem.body("id"));
        assert_eq!(body.as_ref().map(|body| body["status"].as_u64().unwrap()), status, "{body:?}");
        assert!(body.is_none_or(|body| body["code"] == "body_too_slow"));
        assert_eq!(answer.is_ok_and(|text| text == sent), ends);
    }
}
