//! What is allowed. A new library, a new module or a new arrow is a decision: it is made here, in a commit that says
//! why.

/// A file's length in lines, tests included.
pub(super) const LINES_MAX: usize = 400;

/// Names of files and folders under which things gather that belong elsewhere.
pub(super) const DRAWERS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];

/// A library that is named in few places, so that it can be replaced and its traps are known where it is used.
pub(super) struct Library {
    pub(super) names: &'static [&'static str],
    pub(super) only_in: &'static [&'static str],
    pub(super) why: &'static str,
}

/// Tools, tests and the client crate live outside of the services and use what they need.
const OUTSIDE: &str = "tools";

pub(super) const LIBRARIES: &[Library] = &[
    Library {
        names: &["axum", "tower_http", "utoipa", "utoipa_axum", "utoipa_swagger_ui"],
        only_in: &[
            "services/accounts/src/http",
            "services/gateway/src/http",
            "crates/chassis/src/admin.rs",
            "crates/chassis/src/http.rs",
            "crates/chassis/src/http",
            OUTSIDE,
        ],
        why: "HTTP is spoken in http/ only",
    },
    Library {
        names: &["tonic", "tonic_health"],
        only_in: &["services/accounts/src/grpc", "services/gateway/src/directory", "crates/proto", OUTSIDE],
        why: "gRPC is spoken in accounts' grpc/ and the gateway's directory/ only",
    },
    Library {
        names: &["messenger_proto", "prost"],
        only_in: &[
            "services/accounts/src/grpc",
            "services/accounts/src/notices",
            "services/gateway/src/directory",
            "services/gateway/src/fanout",
            "crates/proto",
            OUTSIDE,
        ],
        why: "generated types of a contract stay where it is spoken; inside, the domain's own types are used",
    },
    Library {
        names: &["tokio_postgres", "deadpool_postgres", "refinery"],
        only_in: &[
            "services/accounts/src/store",
            "services/gateway/src/store",
            "crates/chassis/src/postgres.rs",
            "crates/chassis/src/postgres",
            "crates/chassis/src/migrate.rs",
            OUTSIDE,
        ],
        why: "PostgreSQL is spoken in store/ only",
    },
    Library {
        names: &["redis"],
        only_in: &[
            "services/accounts/src/notices",
            // Counts that all replicas share.
            "services/accounts/src/throttle",
            "services/gateway/src/fanout",
            // Which server a connection goes to, the same for both.
            "crates/chassis/src/redis.rs",
            "crates/chassis/src/redis",
            "crates/backing",
            OUTSIDE,
        ],
        why: "Redis is spoken in accounts' notices/ and throttle/ and the gateway's fanout/ only",
    },
    Library {
        names: &["lettre"],
        only_in: &["services/accounts/src/mail"],
        why: "mail leaves by one door, accounts' mail/",
    },
    Library {
        names: &["argon2", "jsonwebtoken"],
        only_in: &["services/accounts/src/crypto", "services/gateway/src/auth", OUTSIDE],
        why: "credentials are made in accounts' crypto/ and verified in the gateway's auth/ only",
    },
    Library {
        names: &["messenger_accounts"],
        only_in: &["services/accounts"],
        why: "a service is used over the wire, never as a library",
    },
    Library {
        names: &["messenger_gateway"],
        only_in: &["services/gateway"],
        why: "a service is used over the wire, never as a library",
    },
    Library {
        names: &["anyhow"],
        only_in: &[
            "services/accounts/src/main.rs",
            "services/accounts/src/app.rs",
            "services/gateway/src/main.rs",
            "services/gateway/src/app.rs",
            "services/gateway/src/app",
            "crates/backing",
            "crates/client/src/bin",
            OUTSIDE,
        ],
        why: "libraries and services have error types that callers can match",
    },
];

/// A package and its top-level modules, each with those that it may use.
pub(super) struct Package {
    pub(super) folder: &'static str,
    pub(super) rooms: &'static [(&'static str, &'static [&'static str])],
}

/// `app` composes all rooms, and `config` collects the limits that each of them defines.
pub(super) const PACKAGES: &[Package] = &[
    Package {
        folder: "services/accounts/src",
        rooms: &[
            (
                "app",
                &[
                    "cli", "config", "http", "grpc", "usecase", "care", "store", "crypto", "notices",
                    "throttle", "mail", "domain",
                ],
            ),
            ("cli", &["domain"]),
            // What operators do needs neither passwords nor tokens.
            ("care", &["cli", "store", "notices", "domain"]),
            (
                "config",
                &["http", "grpc", "usecase", "store", "crypto", "notices", "throttle", "mail", "domain"],
            ),
            // Of crypto both know how long its public keys may be cached, and nothing else.
            ("http", &["usecase", "crypto", "domain"]),
            ("grpc", &["usecase", "crypto", "domain"]),
            ("usecase", &["store", "crypto", "notices", "throttle", "mail", "domain"]),
            ("store", &["domain"]),
            ("crypto", &["domain"]),
            ("notices", &["domain"]),
            ("throttle", &["domain"]),
            ("mail", &["domain"]),
            ("domain", &[]),
        ],
    },
    Package {
        folder: "services/gateway/src",
        rooms: &[
            ("app", GATEWAY),
            ("config", GATEWAY),
            ("cli", &["domain"]),
            // What operators do goes to the log, and to nobody who is connected.
            ("care", &["cli", "store", "domain"]),
            ("http", &["auth", "session", "usecase", "delivery", "dialect", "directory", "domain"]),
            ("session", &["usecase", "delivery", "dialect", "hub", "domain"]),
            ("auth", &["dialect", "domain"]),
            ("usecase", &["store", "lanes", "delivery", "fanout", "directory", "domain"]),
            ("lanes", &["store", "delivery", "domain"]),
            ("delivery", &["hub", "fanout", "store", "directory", "dialect", "domain", "sabotage"]),
            ("isolation", &["hub", "domain"]),
            ("pause", &["hub", "fanout", "domain"]),
            ("hub", &["dialect", "domain"]),
            ("dialect", &["domain"]),
            ("fanout", &["domain"]),
            // What verifies tokens is fetched where gRPC is spoken.
            ("directory", &["auth", "domain"]),
            ("store", &["domain", "sabotage"]),
            ("domain", &[]),
            ("sabotage", &[]),
        ],
    },
];

const GATEWAY: &[&str] = &[
    "cli",
    "care",
    "config",
    "http",
    "session",
    "auth",
    "usecase",
    "lanes",
    "delivery",
    "dialect",
    "isolation",
    "pause",
    "hub",
    "fanout",
    "directory",
    "store",
    "domain",
    "sabotage",
];

/// Something that may not be written in some places.
pub(super) struct Law {
    pub(super) forbids: Forbidden,
    pub(super) within: &'static [&'static str],
    pub(super) except: &'static [&'static str],
    pub(super) why: &'static str,
}

pub(super) enum Forbidden {
    /// A path, as `std::env`.
    Path(&'static str),
    /// Parts of identifiers, in the singular or plural.
    Words(&'static [&'static str]),
    /// String literals that begin as a statement of SQL does.
    Sql,
    /// SQL put together by `format!`.
    FormattedSql,
}

pub(super) const LAWS: &[Law] = &[
    Law {
        forbids: Forbidden::Path("std::env"),
        within: &["services", "crates"],
        except: &[
            "services/accounts/src/main.rs",
            "services/gateway/src/main.rs",
            "crates/client/src/bin",
            "crates/backing/src/search.rs", // PATH, where programs are looked for
            "crates/proto/build.rs",
        ],
        why: "the environment is read in main.rs only, and passed on as values",
    },
    Law {
        forbids: Forbidden::Words(&[
            "user",
            "chat",
            "message",
            "conversation",
            "dialog",
            "member",
            "gateway",
        ]),
        within: &["crates/chassis"],
        except: &["crates/chassis/src/postgres.rs"], // TCP_USER_TIMEOUT is the kernel's word
        why: "the chassis knows what a process needs and nothing of what ours is for",
    },
    Law {
        forbids: Forbidden::Sql,
        within: &["services"],
        except: &["services/accounts/src/store", "services/gateway/src/store"],
        why: "SQL lives in store/ only",
    },
    Law {
        forbids: Forbidden::FormattedSql,
        within: &["services", "crates"],
        except: &[],
        why: "values go into statements as parameters",
    },
];
