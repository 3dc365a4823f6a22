//! The network around one gateway, each link through a proxy of its own.

use anyhow::{Context as _, Result};

use crate::proxy::Proxy;

/// The links of one gateway.
#[derive(Debug)]
pub struct Links {
    redis: Option<Proxy>,
    /// To PostgreSQL.
    pub postgres: Proxy,
    /// To accounts.
    pub accounts: Proxy,
    /// From its clients.
    pub clients: Proxy,
}

impl Links {
    /// To Redis.
    ///
    /// # Panics
    /// When the cluster has a Redis that is not behind links.
    #[must_use]
    pub fn redis(&self) -> &Proxy {
        self.redis.as_ref().unwrap_or_else(|| panic!("Redis is not behind links"))
    }
}

/// The links that a gateway needs before it starts.
#[derive(Debug)]
pub(crate) struct Backing {
    redis: Option<Proxy>,
    postgres: Proxy,
    accounts: Proxy,
}

impl Backing {
    /// Proxies before the addresses, before Redis only if one is given; `seed` decides which rings a lossy bus loses.
    pub(crate) async fn start(
        redis_url: Option<&str>,
        database_url: &str,
        accounts: &str,
        seed: u64,
    ) -> Result<Self> {
        let redis = match redis_url {
            Some(url) => Some(Proxy::redis(host_of(url)?, seed).await?),
            None => None,
        };
        Ok(Self {
            redis,
            postgres: Proxy::start(host_of(database_url)?).await?,
            accounts: Proxy::start(accounts).await?,
        })
    }

    /// The environment of a gateway behind these links.
    pub(crate) fn environment(
        &self,
        redis_url: Option<&str>,
        database_url: &str,
    ) -> Result<Vec<(&'static str, String)>> {
        let mut all = vec![
            ("GATEWAY_DATABASE_URL", database_url.replace(host_of(database_url)?, &self.postgres.address())),
            ("GATEWAY_ACCOUNTS_URL", format!("http://{}", self.accounts.address())),
        ];
        if let (Some(url), Some(redis)) = (redis_url, &self.redis) {
            all.push(("GATEWAY_REDIS_URL", url.replace(host_of(url)?, &redis.address())));
        }
        Ok(all)
    }

    /// All links, once the gateway listens.
    pub(crate) async fn complete(self, gateway: &str) -> Result<Links> {
        let Self { redis, postgres, accounts } = self;
        Ok(Links { redis, postgres, accounts, clients: Proxy::start(gateway).await? })
    }
}

/// `host:port` in a URL; the first of several.
pub(crate) fn host_of(url: &str) -> Result<&str> {
    let rest = url.split_once("://").with_context(|| "no scheme in a URL")?.1;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    Ok(hosts.split(',').next().unwrap_or(hosts))
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn the_host_is_what_stands_before_the_path_without_credentials() {
        for (url, host) in [
            ("redis://:se@cret@127.0.0.1:6379/", "127.0.0.1:6379"),
            ("postgres://u:p@127.0.0.1:5432/db?options=-c", "127.0.0.1:5432"),
            ("http://h:1", "h:1"),
            ("postgres://u:p@h:1,h:2/db", "h:1"),
        ] {
            assert_eq!(host_of(url).unwrap(), host);
        }
    }
}
