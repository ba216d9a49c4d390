//! What every answer of the gate wears.

use std::sync::Arc;

use http::{HeaderValue, Response};
use tollgate_core::route::Route;

use super::answer::body::ResponseBody;
use super::call::Call;
use super::{X_REQUEST_ID, cors};

/// The id and, where the route wants them, the fields for browsers, whoever made the answer.
pub(super) struct Dress {
    id: HeaderValue,
    cors: Option<(Arc<Route>, Option<HeaderValue>)>,
}

impl Dress {
    pub(super) fn of(call: &Call) -> Self {
        let route = call.route.as_ref().filter(|route| route.cors.is_some());
        Self { id: call.id.header(), cors: route.map(|route| (route.clone(), call.origin.clone())) }
    }

    pub(super) fn put_on(self, mut response: Response<ResponseBody>) -> Response<ResponseBody> {
        response.headers_mut().insert(X_REQUEST_ID, self.id);
        if let Some((route, origin)) = &self.cors
            && let Some(cors) = &route.cors
        {
            cors::decorate(cors, origin.as_ref(), response.headers_mut());
        }
        response
    }
}
