//! A statement on a connection: prepared once for each connection, or, behind a pooler, sent as it is each time.

use std::future::Future;

use deadpool_postgres::{ClientWrapper, Transaction};
use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::Pooler;

type Rows = Result<Vec<Row>, Error>;

/// What a statement's `$n` stands for. It knows its type of PostgreSQL, so that nobody has to ask the server for it.
pub trait Value: Sync {
    /// The type of the value, also of one that is NULL.
    fn kind(&self) -> Type;
    /// The value as the driver takes it.
    fn sql(&self) -> &(dyn ToSql + Sync);
}

/// A Rust type with one type of PostgreSQL.
trait Typed {
    const TYPE: Type;
    const ARRAY: Type;
}

macro_rules! typed {
    ($($rust:ty: $one:ident, $many:ident;)*) => {$(
        impl Typed for $rust {
            const TYPE: Type = Type::$one;
            const ARRAY: Type = Type::$many;
        }
        impl Value for $rust {
            fn kind(&self) -> Type {
                Self::TYPE
            }
            fn sql(&self) -> &(dyn ToSql + Sync) {
                self
            }
        }
    )*};
}

typed! {
    bool: BOOL, BOOL_ARRAY;
    i16: INT2, INT2_ARRAY;
    i32: INT4, INT4_ARRAY;
    i64: INT8, INT8_ARRAY;
    &str: TEXT, TEXT_ARRAY;
    String: TEXT, TEXT_ARRAY;
    &[u8]: BYTEA, BYTEA_ARRAY;
    uuid::Uuid: UUID, UUID_ARRAY;
    Timestamp: TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    std::net::IpAddr: INET, INET_ARRAY;
}

impl<T: Typed> Typed for Option<T> {
    const TYPE: Type = T::TYPE;
    const ARRAY: Type = T::ARRAY;
}

impl<T: Typed + ToSql + Sync> Value for Option<T> {
    fn kind(&self) -> Type {
        T::TYPE
    }
    fn sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

impl Value for Vec<u8> {
    fn kind(&self) -> Type {
        Type::BYTEA
    }
    fn sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

impl<T: Typed + ToSql + Sync> Value for &[T] {
    fn kind(&self) -> Type {
        T::ARRAY
    }
    fn sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

impl<T: Typed + ToSql + Sync> Value for Vec<T> {
    fn kind(&self) -> Type {
        T::ARRAY
    }
    fn sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

/// A connection of the pool, or a transaction on one.
pub trait Session {
    /// Runs a statement of this connection's own, prepared the first time.
    fn named(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> impl Future<Output = Rows> + Send;
    /// Runs a statement that leaves nothing behind, in one round trip.
    fn unnamed(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)])
    -> impl Future<Output = Rows> + Send;
}

macro_rules! session {
    ($($of:ty),*) => {$(
        impl Session for $of {
            async fn named(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Rows {
                let statement = self.prepare_cached(sql).await?;
                self.query(&statement, params).await
            }
            async fn unnamed(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Rows {
                self.query_typed(sql, params).await
            }
        }
    )*};
}

session!(ClientWrapper, Transaction<'_>);

/// Runs the statement as the pooler lets it.
pub(super) async fn query(pooler: Pooler, session: &impl Session, sql: &str, params: &[&dyn Value]) -> Rows {
    match pooler {
        Pooler::None => {
            let params: Vec<_> = params.iter().map(|value| value.sql()).collect();
            session.named(sql, &params).await
        }
        Pooler::Transaction => {
            let params: Vec<_> = params.iter().map(|value| (value.sql(), value.kind())).collect();
            session.unnamed(sql, &params).await
        }
    }
}
