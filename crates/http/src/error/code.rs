//! The one catalogue of error codes: status, title, message, and what the client can do.

use actix_web::http::StatusCode;

/// What the catalogue says of one code.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The code.
    pub code: ErrorCode,
    /// Its name on the wire.
    pub name: &'static str,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// Its meaning in a few words.
    pub title: &'static str,
    /// A sentence that a person can read.
    pub message: &'static str,
    /// What a client can do about it.
    pub action: &'static str,
}

macro_rules! catalogue {
    ($($variant:ident $name:literal $status:literal $title:literal, $message:literal, $action:literal;)+) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $(#[doc = $title] $variant,)+
        }

        /// Every code, in the order of declaration.
        pub const CATALOGUE: &[Entry] = &[
            $(Entry {
                code: ErrorCode::$variant,
                name: $name,
                status: $status,
                title: $title,
                message: $message,
                action: $action,
            },)+
        ];
    };
}

catalogue! {
    BadRequest "BAD_REQUEST" 400 "Bad request",
        "The request is not valid HTTP for this address.", "Correct the request.";
    MalformedJson "MALFORMED_JSON" 400 "Malformed JSON",
        "The body is not well-formed JSON in UTF-8.",
        "Send one JSON value in UTF-8, without duplicate members, nested at most 32 deep.";
    ValidationFailed "VALIDATION_FAILED" 400 "Validation failed",
        "Some fields are not valid.", "Correct the fields named in `details.fields`.";
    WeakPassword "WEAK_PASSWORD" 400 "Weak password",
        "The password must contain a lower-case letter, an upper-case letter and a digit.",
        "Ask for a stronger password; show the message.";
    LinkNotValid "LINK_NOT_VALID" 400 "Link not valid",
        "The link was used before, has expired, or is incomplete.", "Offer to send a new mail.";
    SignInNotValid "SIGN_IN_NOT_VALID" 400 "Sign-in not valid",
        "This sign-in is over, or another browser began it; please begin again.", "Offer the buttons of the providers again.";
    Unauthorized "UNAUTHORIZED" 401 "Unauthorized",
        "Please sign in.", "Refresh the access token, or sign in again.";
    TokenExpired "TOKEN_EXPIRED" 401 "Token expired",
        "The access token has expired.", "Refresh the access token and repeat the request.";
    InvalidCredentials "INVALID_CREDENTIALS" 401 "Invalid credentials",
        "The email or password is incorrect.", "Let the user try again.";
    SecondFactorRequired "SECOND_FACTOR_REQUIRED" 401 "Second factor required",
        "Please enter the code of your authenticator.",
        "Ask for a code or a recovery code, and send it with `details.challenge` to `/auth/second-factor`.";
    ChallengeNotValid "CHALLENGE_NOT_VALID" 401 "Challenge not valid",
        "Signing in took too long; please begin again.", "Ask for the password again.";
    MissingRefreshToken "MISSING_REFRESH_TOKEN" 401 "Missing refresh token",
        "There is no session to refresh.", "Sign in.";
    InvalidRefreshToken "INVALID_REFRESH_TOKEN" 401 "Invalid refresh token",
        "The session has ended.", "Sign in again.";
    RefreshTokenReused "REFRESH_TOKEN_REUSED" 401 "Refresh token reused",
        "The session was ended because an old refresh token was used again.", "Sign in again.";
    OriginNotAllowed "ORIGIN_NOT_ALLOWED" 403 "Origin not allowed",
        "This site may not use the session.", "Add the site's origin to `CORS_ORIGIN` on the server.";
    Forbidden "FORBIDDEN" 403 "Forbidden",
        "This is for administrators.", "Sign in as somebody who may do it.";
    StepUpRequired "STEP_UP_REQUIRED" 403 "Step-up required",
        "Please show again who you are.", "Ask for the password, and for a code where there is a second factor, or for a passkey, send them to \
         `/auth/step-up`, and repeat the request.";
    InsufficientScope "INSUFFICIENT_SCOPE" 403 "Insufficient scope",
        "This key may not do that.", "Make a key with the scope, if there is one for it; else sign in.";
    WrongPassword "WRONG_PASSWORD" 403 "Wrong password",
        "The password is incorrect.", "Let the user try again.";
    WrongCode "WRONG_CODE" 403 "Wrong code",
        "The code is wrong, or was used before.", "Let the user enter the next code, or a recovery code.";
    PasskeyRefused "PASSKEY_REFUSED" 403 "Passkey refused",
        "The passkey was not accepted.",
        "Ask for new options and let the user try again, or show in another way who they are.";
    CodeRequired "CODE_REQUIRED" 403 "Code required",
        "Please enter the code of your authenticator as well.", "Send `code` with the password.";
    SecondFactorSetupRequired "SECOND_FACTOR_SETUP_REQUIRED" 403 "Second factor to be set up",
        "Your role calls for a second factor.", "Let the user set one up at `/users/me/second-factor/totp`, or sign in with a passkey.";
    ProviderRefused "PROVIDER_REFUSED" 403 "Provider refused",
        "The provider did not say who you are.", "Let the user try again, or sign in another way.";
    EmailNotVerified "EMAIL_NOT_VERIFIED" 403 "Email not verified",
        "The provider does not know whether the address is yours.",
        "Let the user confirm the address at the provider, or sign in another way.";
    LinkConfirmationSent "LINK_CONFIRMATION_SENT" 403 "Confirmation sent",
        "There is an account with this address. Its owner got a mail to allow this way of signing in.",
        "Tell the user to look into the mailbox, or to sign in as before.";
    AccountDeactivated "ACCOUNT_DEACTIVATED" 403 "Account deactivated",
        "This account is not in use at the moment.", "Let the user ask an administrator.";
    NotFound "NOT_FOUND" 404 "Not found",
        "There is nothing at this address.", "Check the path.";
    UserNotFound "USER_NOT_FOUND" 404 "User not found",
        "There is no such account.", "Check the id; read the accounts again.";
    ListNotFound "LIST_NOT_FOUND" 404 "List not found",
        "There is no such word list.", "Read the lists again.";
    WordNotFound "WORD_NOT_FOUND" 404 "Word not found",
        "There is no such word.", "Check the word id.";
    ProgressNotFound "PROGRESS_NOT_FOUND" 404 "Progress not found",
        "There is no progress for this word.", "Treat the word as new.";
    ReviewNotFound "REVIEW_NOT_FOUND" 404 "Review not found",
        "There is no such review.", "Check the review id; send the review first.";
    ExportNotFound "EXPORT_NOT_FOUND" 404 "Export not found",
        "There is no archive of your data.", "Ask for one, and wait until it is ready.";
    SessionNotFound "SESSION_NOT_FOUND" 404 "Session not found",
        "There is no such session.", "Read the list of sessions again.";
    ApiKeyNotFound "API_KEY_NOT_FOUND" 404 "Key not found",
        "There is no such key.", "Read the list of keys again.";
    PasskeyNotFound "PASSKEY_NOT_FOUND" 404 "Passkey not found",
        "There is no such passkey.", "Read the list of passkeys again.";
    ProviderKeyNotFound "PROVIDER_KEY_NOT_FOUND" 404 "Provider key not found",
        "There is no key of this provider.", "Read the list of keys again.";
    ProviderNotFound "PROVIDER_NOT_FOUND" 404 "Provider not found",
        "One cannot sign in with this provider here.", "Read the list of providers again.";
    IdentityNotFound "IDENTITY_NOT_FOUND" 404 "Identity not found",
        "There is no such identity.", "Read the list of identities again.";
    AudioNotFound "AUDIO_NOT_FOUND" 404 "Audio not found",
        "There is no such audio.", "Ask for it to be spoken again.";
    ConversationNotFound "CONVERSATION_NOT_FOUND" 404 "Conversation not found",
        "There is no conversation of this word.", "Ask for the conversation first, then for the sound of its turns.";
    SecondFactorNotFound "SECOND_FACTOR_NOT_FOUND" 404 "Second factor not found",
        "There is no second factor, or none that waits to be confirmed.", "Read how it stands; begin one.";
    TurnNotFound "TURN_NOT_FOUND" 404 "Turn not found",
        "No conversation of this word says this in this place.",
        "Send the text of the turn as the conversation has it, and its place from 0.";
    MethodNotAllowed "METHOD_NOT_ALLOWED" 405 "Method not allowed",
        "This address does not take this method.", "Use one of the methods in `Allow`.";
    NotAcceptable "NOT_ACCEPTABLE" 406 "Not acceptable",
        "The answer cannot be sent in an encoding that the request accepts.", "Send another `Accept-Encoding`.";
    RequestTimeout "REQUEST_TIMEOUT" 408 "Request timeout",
        "The request took too long to arrive.", "Send it again on a better connection.";
    EmailExists "EMAIL_EXISTS" 409 "Email exists",
        "An account with this email exists.", "Sign in instead, or use another address.";
    UsernameExists "USERNAME_EXISTS" 409 "Username exists",
        "An account with this username exists.", "Choose another username.";
    SecondFactorActive "SECOND_FACTOR_ACTIVE" 409 "Second factor active",
        "There is a second factor already.", "Take it away first.";
    SecondFactorMandatory "SECOND_FACTOR_MANDATORY" 409 "Second factor mandatory",
        "Your role calls for a second factor.", "Let the user keep it, or ask an administrator to reset it.";
    IdentityTaken "IDENTITY_TAKEN" 409 "Identity taken",
        "This identity opens another account, or the account has another one of the provider.",
        "Unlink the other one first.";
    LastWayIn "LAST_WAY_IN" 409 "Last way in",
        "Nobody could sign in to the account any more.", "Let the user set a password first, by `/auth/password-reset`.";
    LastAdministrator "LAST_ADMINISTRATOR" 409 "Last administrator",
        "Nobody would be left who looks after accounts.", "Let somebody else administer first.";
    AccountDeleted "ACCOUNT_DELETED" 409 "Account deleted",
        "The account is deleted.", "Restore it first.";
    DeletedByOwner "DELETED_BY_OWNER" 409 "Deleted by its owner",
        "The owner deleted the account, and alone can bring it back.", "Ask the owner to sign in.";
    ApiKeyLimit "API_KEY_LIMIT" 409 "Too many keys",
        "There are as many keys as there can be.", "Revoke one that is not needed.";
    PasskeyExists "PASSKEY_EXISTS" 409 "Passkey exists",
        "This passkey is there already.", "Read the list of passkeys again.";
    PasskeyLimit "PASSKEY_LIMIT" 409 "Too many passkeys",
        "There are as many passkeys as there can be.", "Take one away that is not needed.";
    IdempotencyInProgress "IDEMPOTENCY_IN_PROGRESS" 409 "Request in progress",
        "The same request is being answered.", "Repeat it after the seconds in `Retry-After`.";
    ProviderKeyRefused "PROVIDER_KEY_REFUSED" 409 "Provider key refused",
        "The provider does not accept your own key.",
        "Let the user set another key at `/users/me/keys`, or remove it.";
    PreconditionFailed "PRECONDITION_FAILED" 412 "Precondition failed",
        "It has changed meanwhile.", "Read it again and repeat the change with the new `ETag`.";
    PayloadTooLarge "PAYLOAD_TOO_LARGE" 413 "Payload too large",
        "The body is too large.", "Send less at a time.";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" 415 "Unsupported media type",
        "The body must be uncompressed JSON.", "Send `Content-Type: application/json` and no `Content-Encoding`.";
    RangeNotSatisfiable "RANGE_NOT_SATISFIABLE" 416 "Range not satisfiable",
        "There are no such bytes.", "Ask for bytes within the length in `Content-Range`, or for all.";
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" 422 "Idempotency key reused",
        "The idempotency key was used for another request.", "Choose a new `Idempotency-Key` for each new request.";
    RateLimitExceeded "RATE_LIMIT_EXCEEDED" 429 "Rate limit exceeded",
        "Too many requests; please wait a moment.", "Wait for the seconds in `Retry-After`.";
    AccountLocked "ACCOUNT_LOCKED" 429 "Account locked",
        "Too many failed sign-ins; please wait.", "Wait for the seconds in `Retry-After`.";
    BudgetExceeded "BUDGET_EXCEEDED" 429 "Budget exceeded",
        "What may be spent in a day is spent; what was made before is still there.",
        "Offer what was made before; repeat after the seconds in `Retry-After`.";
    InternalError "INTERNAL_ERROR" 500 "Internal error",
        "Something went wrong on our side.", "Report it with the request id.";
    Unavailable "UNAVAILABLE" 503 "Unavailable",
        "The service is busy or not reachable; please try again.", "Repeat after the seconds in `Retry-After`.";
    EncryptionUnavailable "ENCRYPTION_UNAVAILABLE" 503 "Encryption unavailable",
        "Secrets cannot be kept here at the moment.", "Set `ENCRYPTION_KEYS` on the server.";
    ProviderUnavailable "PROVIDER_UNAVAILABLE" 503 "Provider unavailable",
        "The provider cannot be reached at the moment.", "Repeat after the seconds in `Retry-After`, or sign in another way.";
    AuthDisabled "AUTH_DISABLED" 503 "Accounts are switched off",
        "Signing in is switched off at the moment.", "Offer what works without an account.";
    PasskeysDisabled "PASSKEYS_DISABLED" 503 "Passkeys are switched off",
        "Passkeys are not set up on this server.",
        "Offer other ways to sign in; set `PASSKEY_RP_ID` on the server.";
    ReadOnly "READ_ONLY" 503 "Read only",
        "Nothing can be changed at the moment.", "Keep the change and send it later.";
    SyncDisabled "SYNC_DISABLED" 503 "Sync is switched off",
        "Progress is not kept on the server at the moment.", "Keep progress on the device and send it later.";
    SpeechUnavailable "SPEECH_UNAVAILABLE" 503 "Speech unavailable",
        "Speech is not available at the moment.", "Repeat after the seconds in `Retry-After`.";
    ConversationUnavailable "CONVERSATION_UNAVAILABLE" 503 "Conversation unavailable",
        "Conversations are not available at the moment.", "Repeat after the seconds in `Retry-After`.";
    UpstreamTimeout "UPSTREAM_TIMEOUT" 504 "Upstream timeout",
        "A service that this needs did not answer in time.", "Try again.";
}

impl ErrorCode {
    fn entry(self) -> &'static Entry {
        // The variants are numbered in the order of the table that the same macro writes.
        &CATALOGUE[self as usize]
    }

    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        self.entry().name
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.entry().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Its meaning in a few words.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// A sentence that a person can read.
    pub fn message(self) -> &'static str {
        self.entry().message
    }

    /// What a client can do about it.
    pub fn action(self) -> &'static str {
        self.entry().action
    }

    /// Whether it goes with a `Retry-After`, even where nobody knows better than the usual.
    pub(crate) const fn tells_when(self) -> bool {
        matches!(
            self,
            Self::IdempotencyInProgress
                | Self::RateLimitExceeded
                | Self::AccountLocked
                | Self::BudgetExceeded
                | Self::Unavailable
                | Self::ProviderUnavailable
                | Self::SpeechUnavailable
                | Self::ConversationUnavailable
        )
    }

    /// The code for an error that the framework answered with a bare status.
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            406 => Self::NotAcceptable,
            408 => Self::RequestTimeout,
            413 => Self::PayloadTooLarge,
            415 => Self::UnsupportedMediaType,
            416 => Self::RangeNotSatisfiable,
            429 => Self::RateLimitExceeded,
            400..=499 => Self::BadRequest,
            503 => Self::Unavailable,
            504 => Self::UpstreamTimeout,
            _ => Self::InternalError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_finds_its_own_entry_with_a_real_error_status() {
        for entry in CATALOGUE {
            assert_eq!(entry.code.as_str(), entry.name);
            assert!((400..600).contains(&entry.status), "{}", entry.name);
            assert_eq!(entry.code.status().as_u16(), entry.status);
        }
    }

    #[test]
    fn no_two_codes_have_the_same_name() {
        let names: std::collections::BTreeSet<_> = CATALOGUE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
    }
}
