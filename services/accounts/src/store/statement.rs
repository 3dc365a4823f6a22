//! A statement: its SQL and the name it has in traces.

use messenger_chassis::postgres::Value;
use tracing::Span;

/// Bound parameters, in order.
pub(super) type Params<'a> = [&'a dyn Value];

/// SQL that the code runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement {
    /// Short name, for traces.
    pub(super) name: &'static str,
    /// Text with `$n` for every value.
    pub(super) sql: &'static str,
}

impl Statement {
    pub(super) const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql }
    }

    /// The span under which the statement runs.
    pub(super) fn span(&self) -> Span {
        tracing::info_span!("db", otel.kind = "client", otel.name = self.name, db.system.name = "postgresql")
    }
}
