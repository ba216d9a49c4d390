//! What routes count.

use std::collections::BTreeMap;

use tollgate_core::meter::{ComputeUnits, Estimate, Factor, Meters, ModelPlace, OnHangup, Pointer};

use super::context::Context;
use crate::config::file::amount::{Decimal, SizeLimit};
use crate::config::file::route as file;
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;
use crate::config::source::Span;

/// The meters of a route, with where it finds the model, what it reserves and what a hang-up costs.
pub(super) fn meters(cx: &mut Context<'_>, route: &file::Route) -> Meters {
    let mut meters = Meters {
        model: route.model.as_ref().and_then(|model| self::model(cx, model)),
        estimate: route.estimate.as_ref().map_or_else(Estimate::default, |given| estimate(cx, &given.value)),
        on_hangup: route.on_hangup.as_ref().map_or(OnHangup::Delivered, |given| match given.value {
            file::OnHangup::Delivered => OnHangup::Delivered,
            file::OnHangup::Generated => OnHangup::Generated,
            file::OnHangup::None => OnHangup::None,
        }),
        ..Meters::default()
    };
    match route.meters.as_ref().map(|given| (&given.value, given.span)) {
        None => {}
        Some((file::Meters::Off(file::Off::Off), _)) => meters.off = true,
        Some((file::Meters::List(list), span)) => self::list(cx, &mut meters, list, span),
    }
    if let (Some(what), Some(SizeLimit(None))) = (meters.needs_body(), &route.body) {
        let place = match what {
            "model" => route.model.as_ref().map(|model| model.span),
            "on_hangup" => route.on_hangup.as_ref().map(|on_hangup| on_hangup.span),
            _ => route.meters.as_ref().map(|list| list.span),
        };
        let place = place.unwrap_or_default();
        let finding =
            Finding::at(place, format!("for `{what}` the body is read whole, and `body` is unlimited"));
        cx.error(finding.hint("give the route a bound, such as `body: 64MiB`"));
    }
    meters.ready()
}

fn list(cx: &mut Context<'_>, meters: &mut Meters, list: &[Spanned<file::Meter>], place: Span) {
    if list.is_empty() {
        let finding = Finding::at(place, "`meters` is empty, so nothing would be counted");
        cx.error(finding.hint("write `meters: off`, or leave it out to count requests"));
    }
    let mut seen: Vec<((&'static str, Option<&str>), Span)> = Vec::new();
    for item in list {
        // A request may bring its rows in one of several lists.
        let place = match &item.value {
            file::Meter::Rows(rows) => Some(rows.body.value.as_str()),
            _ => None,
        };
        let what = (item.value.word(), place);
        if let Some((_, first)) = seen.iter().find(|(known, _)| *known == what) {
            let finding = Finding::at(item.span, format!("`{}` is counted twice", what.0));
            cx.error(finding.beside(*first, "first here"));
        }
        seen.push((what, item.span));
        match &item.value {
            // Every admitted request of a metered route is counted.
            file::Meter::Requests => {}
            file::Meter::Tokens => (meters.tokens_in, meters.tokens_out) = (true, true),
            file::Meter::TokensIn => meters.tokens_in = true,
            file::Meter::TokensOut => meters.tokens_out = true,
            file::Meter::BytesIn => meters.bytes_in = true,
            file::Meter::BytesOut => meters.bytes_out = true,
            file::Meter::ComputeUnits(units) => meters.compute_units = compute_units(cx, units),
            file::Meter::Rows(rows) => meters.rows.extend(pointer(cx, &rows.body)),
        }
    }
    let has_rows = seen.iter().any(|((word, _), _)| *word == "rows");
    let per_row = list.iter().find_map(|item| match &item.value {
        file::Meter::ComputeUnits(units) => units.per_row.as_ref(),
        _ => None,
    });
    if let (Some(per_row), false) = (per_row, has_rows) {
        let finding = Finding::at(per_row.span, "`per_row` has no rows to weigh");
        cx.error(finding.hint("say where they are, such as `{ rows: { body: /inputs } }`"));
    }
}

fn compute_units(cx: &mut Context<'_>, given: &file::ComputeUnits) -> Option<ComputeUnits> {
    let none = Factor::default();
    let per_second = factor(cx, &given.per_second, given.per_second.span)?;
    let per_row = given.per_row.as_ref().map_or(Some(none), |of| factor(cx, of, of.span));
    let per_mebibyte = given.per_mebibyte.as_ref().map_or(Some(none), |of| factor(cx, of, of.span));
    if [Some(per_second), per_row, per_mebibyte].iter().all(|factor| *factor == Some(none)) {
        let finding = Finding::at(given.per_second.span, "compute units of nothing are always 0");
        cx.error(finding.hint("write how many units a second is, such as `1.0`"));
    }
    let mut models = BTreeMap::new();
    for item in &given.models.items {
        if let Some(factor) = factor(cx, &item.value, item.span) {
            models.insert(item.name.as_str().into(), factor);
        }
    }
    Some(ComputeUnits { per_second, per_row: per_row?, per_mebibyte: per_mebibyte?, models })
}

fn factor(cx: &mut Context<'_>, given: &Decimal, place: Span) -> Option<Factor> {
    let found = Factor::new(given.0.digits, given.0.scale);
    found.map_err(|error| cx.error(Finding::at(place, error.to_string()))).ok()
}

fn model(cx: &mut Context<'_>, given: &Spanned<file::Model>) -> Option<ModelPlace> {
    match &given.value {
        file::Model::Name(name) => {
            let place = ModelPlace::named(name);
            if place.is_none() {
                let finding =
                    Finding::at(given.span, format!("`{}` is no name of a model", name.escape_debug()));
                cx.error(finding.hint("a name has 1 to 255 bytes, without control characters"));
            }
            place
        }
        file::Model::InRequest(file::ModelPlace::PathSegment(segment)) if segment.value == 0 => {
            let finding = Finding::at(segment.span, "segments are counted from 1");
            cx.error(finding.hint("in `/v2/models/iris/infer`, `path_segment: 3` is `iris`"));
            None
        }
        file::Model::InRequest(file::ModelPlace::PathSegment(segment)) => {
            usize::try_from(segment.value).ok().map(ModelPlace::PathSegment)
        }
        file::Model::InRequest(file::ModelPlace::Body(place)) => pointer(cx, place).map(ModelPlace::Body),
    }
}

fn pointer(cx: &mut Context<'_>, given: &Spanned<String>) -> Option<Pointer> {
    match Pointer::parse(given) {
        Ok(pointer) => Some(pointer),
        Err(error) => {
            let finding = Finding::at(given.span, error.to_string());
            cx.error(
                finding.hint("write the path to the member, such as `/model` or `/dataframe_split/data`"),
            );
            None
        }
    }
}

fn estimate(cx: &mut Context<'_>, given: &file::Estimate) -> Estimate {
    let file::Estimate { tokens, tokens_in, tokens_out, bytes, rows, ref compute_units } = *given;
    let compute_units = compute_units.as_ref().and_then(|units| factor(cx, units, units.span));
    let compute_units = compute_units.map(Factor::micros);
    Estimate { tokens, tokens_in, tokens_out, bytes, rows, compute_units }
}
