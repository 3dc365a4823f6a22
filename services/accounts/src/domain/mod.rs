//! What a user, a name, a password and a session are, and what may go wrong with them.
//!
//! Pure: no input, no output, no clock. A value that exists is valid; the constructors are the only way in.

mod email;
mod error;
mod name;
mod page;
mod password;
mod session;
mod text;
mod user;

pub use email::Email;
pub use error::{At, Error, FieldError, RuleError, Source};
pub use name::Name;
pub use page::{Page, SearchLimit, SearchText};
pub use password::{Password, PasswordPolicy};
pub use session::{Bearer, Session, UserAgent};
pub use user::{Credentials, NewUser, Profile, ProfileChange, User, UserId};
