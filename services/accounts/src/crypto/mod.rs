//! Password hashes and signed tokens. Knows neither where they are stored nor how they travel.

mod key_file;
#[cfg(test)]
mod key_folder_tests;
mod key_rotation;
mod key_watch;
mod keys;
mod mail_token;
mod memory;
mod password;
mod refresh;
mod token;
mod workers;

pub use key_file::{KeyFileError, load_or_create};
pub use key_rotation::{RotationError, list_keys, replace_keys, rotate_keys};
pub use key_watch::watch_keys;
pub use keys::{KeyError, Keys};
pub use mail_token::MailToken;
pub use password::{HashLimits, HashSetupError, PasswordHashes};
pub use refresh::RefreshToken;
pub use token::{JWKS_MAX_AGE, TokenConfig, Tokens};
