//! Lists: whole, as they are sent while they are read, or by pages.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use futures_util::stream;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer;
use super::app::App;
use super::problem::{Flaw, Problem};
use super::validate::Check;
use crate::store::{Slice, StoreError};

/// Which page is asked for, where one is: `page` and `size` come together or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    page: i64,
    size: i64,
}

impl Page {
    /// Reads `page` and `size`; one alone asks for nothing.
    pub(crate) fn of(app: &App, uri: &Uri) -> Result<Option<Self>, Problem> {
        let new = app.settings.dialect.is_new();
        let mut check = Check::new(app.settings.dialect, 0);
        let number = |name: &str, most: i64| {
            let text = parameter(uri, name)?;
            let at = [Value::from("query"), name.into()];
            let input = Value::from(text.as_str());
            let number = text.parse::<i64>().ok();
            let flaw = |kind, message: String, context| Flaw {
                kind,
                at: at.to_vec(),
                message,
                input: input.clone(),
                context,
            };
            Some(match number {
                None => Err(flaw(
                    "int_parsing",
                    "Input should be a valid integer, unable to parse string as an integer".to_owned(),
                    None,
                )),
                Some(number) if number < 1 => Err(flaw(
                    "greater_than_equal",
                    "Input should be greater than or equal to 1".to_owned(),
                    Some(json!({ "ge": 1 })),
                )),
                Some(number) if new && number > most => Err(flaw(
                    "less_than_equal",
                    format!("Input should be less than or equal to {most}"),
                    Some(json!({ "le": most })),
                )),
                Some(number) => Ok(number),
            })
        };
        let (page, size) = (number("page", i64::MAX), number("size", 100));
        let mut flaws = Vec::new();
        let mut sound = |number: Option<Result<i64, Flaw>>| match number {
            Some(Ok(number)) => Some(number),
            Some(Err(flaw)) => {
                flaws.push(flaw);
                None
            }
            None => None,
        };
        let found = (sound(page), sound(size));
        if !new && let Some(small) = flaws.iter().find(|flaw| flaw.kind == "greater_than_equal") {
            let name = small.at.last().and_then(Value::as_str).unwrap_or_default();
            return Err(Problem::bad_page(format!("{name}: {}", small.message)));
        }
        for flaw in flaws {
            check.flaw_with(flaw.kind, &flaw.at, &flaw.message, &flaw.input, flaw.context);
        }
        check.end(Some(()))?;
        Ok(match found {
            (Some(page), Some(size)) => Some(Self { page, size }),
            _ => None,
        })
    }

    /// The rows of the page. A page beyond all numbers is beyond the end.
    pub(crate) fn slice(self) -> Slice {
        Slice { skip: (self.page - 1).saturating_mul(self.size), take: self.size }
    }

    /// The answer to a page.
    pub(crate) fn answer(self, items: &[impl Serialize], total: i64) -> Response {
        #[derive(Serialize)]
        struct Body<'a, T> {
            items: &'a [T],
            total: i64,
            page: i64,
            size: i64,
            pages: i64,
        }
        let pages = total.saturating_add(self.size - 1) / self.size;
        let body = Body { items, total, page: self.page, size: self.size, pages };
        answer::json(StatusCode::OK, &body)
    }
}

/// The value of a parameter of the query, decoded; the last one counts.
pub(crate) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back()?;
    Some(super::around::decoded(&value.replace('+', " ")))
}

/// Answers with a whole list, a few rows at a time, so that its length needs no memory.
///
/// # Errors
/// The first rows cannot be read. Where later ones cannot, the answer breaks off.
pub(crate) async fn whole<T, F, R>(app: Arc<App>, at_once: i64, read: F) -> Result<Response, Problem>
where
    T: Serialize,
    F: Fn(Arc<App>, Slice) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Vec<T>, StoreError>> + Send,
{
    let first = chunk(&read(Arc::clone(&app), Slice { skip: 0, take: at_once }).await?, true)?;
    let state = (Some((first, at_once)), app, read);
    let rest = stream::unfold(state, move |(next, app, read)| async move {
        let (chunk_before, skip) = next?;
        if chunk_before.rows < at_once {
            let last = [chunk_before.text, b"]".to_vec()].concat();
            return Some((Ok(Bytes::from(last)), (None, app, read)));
        }
        let rows = read(Arc::clone(&app), Slice { skip, take: at_once }).await;
        let following = match rows.map_err(Problem::from).and_then(|rows| chunk(&rows, false)) {
            Ok(following) => following,
            Err(problem) => return Some((Err(std::io::Error::other(problem.text())), (None, app, read))),
        };
        Some((Ok(Bytes::from(chunk_before.text)), (Some((following, skip + at_once)), app, read)))
    });
    Ok(answer::typed(StatusCode::OK, "application/json", Body::from_stream(rest)))
}

/// A part of a list.
struct Chunk {
    text: Vec<u8>,
    rows: i64,
}

fn chunk(rows: &[impl Serialize], first: bool) -> Result<Chunk, Problem> {
    let mut text = if first { b"[".to_vec() } else { Vec::new() };
    for (at, row) in rows.iter().enumerate() {
        if at > 0 || !first {
            text.push(b',');
        }
        let unwritable =
            |error: serde_json::Error| Problem::plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
        serde_json::to_writer(&mut text, row).map_err(unwritable)?;
    }
    Ok(Chunk { text, rows: i64::try_from(rows.len()).unwrap_or(i64::MAX) })
}
