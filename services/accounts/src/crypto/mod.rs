//! Password hashes and signed tokens. Knows neither where they are stored nor how they travel.

mod key_file;
mod keys;
mod password;
mod token;
mod workers;

pub use key_file::{KeyFileError, load_or_create};
pub use keys::{KeyError, Keys};
pub use password::{HashLimits, HashSetupError, PasswordHashes};
pub use token::{JWKS_MAX_AGE, TokenConfig, Tokens};
