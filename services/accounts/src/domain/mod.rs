//! What a user, a name, a password and a session are, and what may go wrong with them.
//!
//! Pure: no input, no output, no clock. A value that exists is valid; the constructors are the only way in.

mod attempts;
mod email;
mod ended;
mod error;
mod held;
mod name;
mod page;
mod password;
mod refresh;
mod session;
mod text;
mod user;

pub use attempts::{Attempts, Breaker, Doubling, Outcome, Rate, Rule};
pub use email::Email;
pub use ended::{ENDED_PAGE, EndedCursor, EndedPage, EndedSession};
pub use error::{At, Error, FieldError, RuleError, Source};
pub use held::{Held, HeldAddress, HeldSession, HeldToken, Record};
pub use name::Name;
pub use page::{Page, SearchLimit, SearchText};
pub use password::{Password, PasswordPolicy};
pub use refresh::{Digest, Previous, RefreshState, Refreshed, Salt, Verdict};
pub use session::{Bearer, Device, Session, SessionLimits, UserAgent};
pub use user::{Credentials, NewUser, Profile, ProfileChange, User, UserId};
