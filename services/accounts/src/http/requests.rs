//! Bodies and queries as they come in, and what they mean.

use serde::{Deserialize, Deserializer};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{
    At as _, Email, Error, FieldError, Name, NewUser, Password, PasswordPolicy, Profile, ProfileChange,
};
use crate::usecase::PasswordChange;

/// Body of a sign-up. `userEmail` is accepted as another name of `email`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SignUp {
    /// Unique without regard to case.
    #[serde(alias = "userEmail")]
    #[schema(example = "email@mail.com0", max_length = 254)]
    email: String,
    /// 8 to 128 characters and none of the most common ones, unless the operator decides otherwise. Neither the e-mail
    /// nor a name.
    #[schema(format = Password, example = "correct horse")]
    password: String,
    #[schema(example = "Patrick0", max_length = 64)]
    first_name: Option<String>,
    #[schema(max_length = 64)]
    last_name: Option<String>,
}

impl SignUp {
    pub(super) fn parse(&self, policy: &PasswordPolicy) -> Result<(NewUser, Password), Error> {
        let email = Email::parse_new(&self.email).at("email");
        let person = Profile {
            email: self.email.trim().to_owned(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
        };
        let password = policy.accept_of(&self.password, &person).at("password");
        let first_name = optional_name(self.first_name.as_deref(), "firstName");
        let last_name = optional_name(self.last_name.as_deref(), "lastName");
        match (email, password, first_name, last_name) {
            (Ok(email), Ok(password), Ok(first_name), Ok(last_name)) => {
                Ok((NewUser { email, first_name, last_name }, password))
            }
            (email, password, first, last) => {
                Err(Error::invalid([email.err(), password.err(), first.err(), last.err()]))
            }
        }
    }
}

/// Body of a log-in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LogIn {
    #[schema(example = "email@mail.com0")]
    email: String,
    #[schema(format = Password, example = "correct horse")]
    password: String,
}

impl LogIn {
    pub(super) fn parse(&self) -> Result<(Email, Password), Error> {
        match (Email::parse(&self.email).at("email"), given_password(&self.password, "password")) {
            (Ok(email), Ok(password)) => Ok((email, password)),
            (email, password) => Err(Error::invalid([email.err(), password.err()])),
        }
    }
}

/// Changes of the profile: at least one. An absent field stays as it is, `null` clears a name.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(min_properties = 1)]
pub(super) struct ProfileUpdate {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    last_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 254)]
    email: Option<Option<String>>,
    /// The present password: needed for a new e-mail when the log-in is not recent.
    #[schema(format = Password)]
    password: Option<String>,
}

impl ProfileUpdate {
    pub(super) fn parse(&self) -> Result<(ProfileChange, Option<Password>), Error> {
        let name = |text: &Option<Option<String>>, path| {
            text.as_ref().map(|text| optional_name(text.as_deref(), path)).transpose()
        };
        let email = self.email.as_ref().map(|text| match text {
            Some(text) => Email::parse_new(text),
            None => Err("must be a string".into()),
        });
        match (
            name(&self.first_name, "firstName"),
            name(&self.last_name, "lastName"),
            email.transpose().at("email"),
            present_password(self.password.as_deref()),
        ) {
            (Ok(first_name), Ok(last_name), Ok(email), Ok(password)) => {
                let change = ProfileChange { email, first_name, last_name };
                if change.is_empty() { Err(nothing_to_change()) } else { Ok((change, password)) }
            }
            (first, last, email, password) => {
                Err(Error::invalid([first.err(), last.err(), email.err(), password.err()]))
            }
        }
    }
}

/// Body of a removal of the account; may be absent when the log-in is recent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Removal {
    /// The present password.
    #[schema(format = Password)]
    password: Option<String>,
}

impl Removal {
    pub(super) fn parse(&self) -> Result<Option<Password>, Error> {
        Ok(present_password(self.password.as_deref())?)
    }
}

/// Body of a refresh.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Refresh {
    /// The latest one.
    #[schema(format = Password)]
    pub(super) refresh_token: String,
}

/// Body of a change of the password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewPassword {
    #[schema(format = Password)]
    old_password: String,
    #[schema(format = Password)]
    new_password: String,
    /// Must equal `newPassword` when given.
    #[schema(format = Password)]
    repeat_new_password: Option<String>,
}

impl NewPassword {
    pub(super) fn parse(&self, policy: &PasswordPolicy, person: &Profile) -> Result<PasswordChange, Error> {
        let old = given_password(&self.old_password, "oldPassword");
        let new = policy.accept_of(&self.new_password, person).at("newPassword");
        let repeated = match &self.repeat_new_password {
            Some(repeated) if *repeated != self.new_password => Err("must equal newPassword".into()),
            _ => Ok(()),
        };
        match (old, new, repeated.at("repeatNewPassword")) {
            (Ok(old), Ok(new), Ok(())) => Ok(PasswordChange { old, new }),
            (old, new, repeated) => Err(Error::invalid([old.err(), new.err(), repeated.err()])),
        }
    }
}

/// Body of a request for a letter.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ForgottenPassword {
    email: String,
}

impl ForgottenPassword {
    pub(super) fn parse(&self) -> Result<Email, Error> {
        Ok(Email::parse(&self.email).at("email")?)
    }
}

/// Body of a reset.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PasswordReset {
    /// As the letter has it.
    pub(super) token: String,
    #[schema(format = Password)]
    pub(super) new_password: String,
}

/// Body with nothing but the token of a letter.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LetterToken {
    /// As the letter has it.
    pub(super) token: String,
}

/// Which page of the users.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Users a page, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: Option<i64>,
    /// From 1; 1 when absent. Not deeper than 100,000 users.
    #[param(minimum = 1)]
    pub(super) page: Option<i64>,
}

/// What to search for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// Start of a first, last or full name without regard to case, or a whole e-mail.
    #[param(min_length = 1, max_length = 128)]
    pub(super) search_text: String,
    /// Users at most, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: Option<i64>,
}

fn optional_name(text: Option<&str>, path: &'static str) -> Result<Option<Name>, FieldError> {
    text.map(|text| Name::parse(text).at(path)).transpose()
}

fn given_password(text: &str, path: &'static str) -> Result<Password, FieldError> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(Password::given(text)) }.at(path)
}

fn present_password(text: Option<&str>) -> Result<Option<Password>, FieldError> {
    text.map(|text| given_password(text, "password")).transpose()
}

fn nothing_to_change() -> Error {
    Error::invalid(["firstName", "lastName", "email"].map(|path| {
        Some(FieldError { path: path.into(), message: "or another field of the profile is required".into() })
    }))
}

/// Tells `null`, which becomes `Some(None)`, from an absent field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
