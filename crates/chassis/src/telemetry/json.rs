//! Lines of JSON that name the trace in which they were written.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Puts `trace_id` and `span_id` first in what `F` writes, when the trace is kept: every id that is logged can be looked
/// up.
pub(super) struct InTrace<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for InTrace<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(ids) = ids() else { return self.0.format_event(context, writer, event) };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(fields) => write!(writer, "{{{ids},{fields}"),
            None => writer.write_str(&line),
        }
    }
}

/// Of the span that this thread is in.
fn ids() -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let kept = span.span_context();
        let text = || format!(r#""trace_id":"{}","span_id":"{}""#, kept.trace_id(), kept.span_id());
        kept.is_sampled().then(text)
    })
}
