//! Which error codes a route can answer with.

use serde_json::{Map, Value};

use super::operation::{self, Operation};
use crate::error::ErrorCode;

/// The codes of one route alone, by the id of its operation. A route without any is listed too: a new one is
/// not described until somebody has thought about its errors.
const OWN: &[(&str, &[ErrorCode])] = {
    use ErrorCode::{
        AccountDeactivated, AccountDeleted, AccountLocked, ApiKeyLimit, ApiKeyNotFound, AudioNotFound,
        AuthDisabled, BudgetExceeded, ChallengeNotValid, CodeRequired, ConversationNotFound,
        ConversationUnavailable, DeletedByOwner, EmailExists, EncryptionUnavailable, ExportNotFound,
        Forbidden, IdentityNotFound, IdentityTaken, InvalidCredentials, InvalidRefreshToken,
        LastAdministrator, LastWayIn, LinkNotValid, ListNotFound, MissingRefreshToken, NotFound,
        OriginNotAllowed, PasskeyExists, PasskeyLimit, PasskeyNotFound, PasskeyRefused, PasskeysDisabled,
        PreconditionFailed, ProgressNotFound, ProviderKeyNotFound, ProviderKeyRefused, ProviderNotFound,
        ProviderUnavailable, RangeNotSatisfiable, ReadOnly, RefreshTokenReused, ReviewNotFound,
        SecondFactorActive, SecondFactorMandatory, SecondFactorNotFound, SecondFactorRequired,
        SecondFactorSetupRequired, SessionNotFound, SpeechUnavailable, StepUpRequired, SyncDisabled,
        TurnNotFound, UpstreamTimeout, UserNotFound, UsernameExists, WeakPassword, WordNotFound, WrongCode,
        WrongPassword,
    };
    &[
        (
            "register",
            &[WeakPassword, EmailExists, UsernameExists, AuthDisabled],
        ),
        (
            "login",
            &[
                InvalidCredentials,
                SecondFactorRequired,
                AccountDeactivated,
                AccountLocked,
                AuthDisabled,
            ],
        ),
        (
            "loginSecondFactor",
            &[
                ChallengeNotValid,
                WrongCode,
                AccountDeactivated,
                AccountLocked,
                AuthDisabled,
            ],
        ),
        ("beginPasskeyLogin", &[AuthDisabled, PasskeysDisabled]),
        (
            "loginPasskey",
            &[PasskeyRefused, AccountDeactivated, AuthDisabled, PasskeysDisabled],
        ),
        (
            "beginPasskey",
            &[StepUpRequired, PasskeyLimit, PasskeysDisabled, ReadOnly],
        ),
        (
            "addPasskey",
            &[
                StepUpRequired,
                PasskeyRefused,
                PasskeyExists,
                PasskeyLimit,
                PasskeysDisabled,
                ReadOnly,
            ],
        ),
        ("listPasskeys", &[]),
        ("renamePasskey", &[PasskeyNotFound, ReadOnly]),
        (
            "removePasskey",
            &[StepUpRequired, PasskeyNotFound, LastWayIn, ReadOnly],
        ),
        ("getSecondFactor", &[]),
        (
            "beginSecondFactor",
            &[
                StepUpRequired,
                SecondFactorActive,
                EncryptionUnavailable,
                ReadOnly,
            ],
        ),
        (
            "confirmSecondFactor",
            &[
                StepUpRequired,
                WrongCode,
                SecondFactorNotFound,
                AccountLocked,
                ReadOnly,
            ],
        ),
        (
            "removeSecondFactor",
            &[
                StepUpRequired,
                SecondFactorNotFound,
                SecondFactorMandatory,
                ReadOnly,
            ],
        ),
        (
            "renewRecoveryCodes",
            &[StepUpRequired, SecondFactorNotFound, ReadOnly],
        ),
        ("listIdentityProviders", &[]),
        ("authorizeAtProvider", &[ProviderNotFound, AuthDisabled]),
        ("completeAtProvider", &[ProviderNotFound, AuthDisabled]),
        ("confirmIdentityLink", &[LinkNotValid, IdentityTaken, ReadOnly]),
        ("listIdentities", &[]),
        (
            "linkIdentity",
            &[StepUpRequired, ProviderNotFound, ProviderUnavailable, ReadOnly],
        ),
        (
            "unlinkIdentity",
            &[StepUpRequired, IdentityNotFound, LastWayIn, ReadOnly],
        ),
        ("unlock", &[LinkNotValid, ReadOnly]),
        ("listSessions", &[]),
        ("endSession", &[SessionNotFound]),
        ("endOtherSessions", &[]),
        ("listApiKeys", &[]),
        ("makeApiKey", &[ApiKeyLimit, StepUpRequired, ReadOnly]),
        ("revokeApiKey", &[ApiKeyNotFound]),
        ("deleteAccount", &[StepUpRequired, LastAdministrator, ReadOnly]),
        ("requestExport", &[StepUpRequired, ReadOnly]),
        ("getExport", &[ExportNotFound]),
        (
            "downloadExport",
            &[LinkNotValid, StepUpRequired, ExportNotFound, ReadOnly],
        ),
        (
            "refresh",
            &[
                MissingRefreshToken,
                InvalidRefreshToken,
                RefreshTokenReused,
                OriginNotAllowed,
                AuthDisabled,
            ],
        ),
        ("logout", &[OriginNotAllowed]),
        (
            "stepUp",
            &[
                WrongPassword,
                CodeRequired,
                WrongCode,
                PasskeyRefused,
                AccountLocked,
                PasskeysDisabled,
                ReadOnly,
            ],
        ),
        ("requestEmailVerification", &[ReadOnly]),
        ("confirmEmailVerification", &[LinkNotValid, ReadOnly]),
        ("requestPasswordReset", &[ReadOnly]),
        ("confirmPasswordReset", &[WeakPassword, LinkNotValid, ReadOnly]),
        (
            "changePassword",
            &[
                WeakPassword,
                StepUpRequired,
                WrongPassword,
                AccountLocked,
                ReadOnly,
            ],
        ),
        ("requestEmailChange", &[StepUpRequired, ReadOnly]),
        ("confirmEmailChange", &[LinkNotValid, EmailExists, ReadOnly]),
        ("getSession", &[]),
        ("getProfile", &[]),
        ("updateProfile", &[ReadOnly]),
        ("listWordLists", &[]),
        ("getWordList", &[ListNotFound]),
        ("getListWords", &[ListNotFound]),
        ("getListProgress", &[ListNotFound]),
        ("searchWordLists", &[]),
        ("searchWords", &[]),
        ("getWord", &[WordNotFound]),
        ("getSettings", &[]),
        ("replaceSettings", &[PreconditionFailed, ReadOnly]),
        ("updateSettings", &[PreconditionFailed, ReadOnly]),
        ("listProviderKeys", &[]),
        (
            "setProviderKey",
            &[StepUpRequired, NotFound, ReadOnly, EncryptionUnavailable],
        ),
        ("removeProviderKey", &[NotFound, ProviderKeyNotFound, ReadOnly]),
        ("listProgress", &[]),
        ("getProgress", &[ProgressNotFound]),
        ("setProgress", &[PreconditionFailed, ReadOnly, SyncDisabled]),
        (
            "deleteProgress",
            &[ProgressNotFound, PreconditionFailed, ReadOnly, SyncDisabled],
        ),
        ("setProgressBatch", &[ReadOnly, SyncDisabled]),
        ("getProgressStats", &[]),
        ("listDueProgress", &[ListNotFound]),
        ("listActivity", &[]),
        ("listProgressChanges", &[]),
        ("importProgress", &[ReadOnly, SyncDisabled]),
        ("recordReviews", &[ReadOnly, SyncDisabled]),
        ("undoReview", &[ReviewNotFound, ReadOnly, SyncDisabled]),
        ("listReviews", &[]),
        ("getStudy", &[ListNotFound]),
        (
            "speak",
            &[
                ProviderKeyRefused,
                EncryptionUnavailable,
                BudgetExceeded,
                SpeechUnavailable,
                UpstreamTimeout,
            ],
        ),
        (
            "listVoices",
            &[
                ProviderKeyRefused,
                EncryptionUnavailable,
                SpeechUnavailable,
                UpstreamTimeout,
            ],
        ),
        (
            "getAudio",
            &[
                AudioNotFound,
                RangeNotSatisfiable,
                BudgetExceeded,
                SpeechUnavailable,
                UpstreamTimeout,
            ],
        ),
        (
            "transcribe",
            &[
                ProviderKeyRefused,
                EncryptionUnavailable,
                SpeechUnavailable,
                UpstreamTimeout,
            ],
        ),
        (
            "generateConversation",
            &[
                ProviderKeyRefused,
                EncryptionUnavailable,
                BudgetExceeded,
                ConversationUnavailable,
                UpstreamTimeout,
            ],
        ),
        (
            "speakTurn",
            &[
                ProviderKeyRefused,
                EncryptionUnavailable,
                ConversationNotFound,
                TurnNotFound,
                BudgetExceeded,
                SpeechUnavailable,
                UpstreamTimeout,
            ],
        ),
        (
            "generateEither",
            &[
                ProviderKeyRefused,
                EncryptionUnavailable,
                ConversationNotFound,
                TurnNotFound,
                BudgetExceeded,
                SpeechUnavailable,
                ConversationUnavailable,
                UpstreamTimeout,
            ],
        ),
        (
            "forgetConversations",
            &[Forbidden, SecondFactorSetupRequired, StepUpRequired, ReadOnly],
        ),
        (
            "listAudit",
            &[Forbidden, SecondFactorSetupRequired, StepUpRequired, ReadOnly],
        ),
        (
            "getUser",
            &[
                Forbidden,
                SecondFactorSetupRequired,
                StepUpRequired,
                UserNotFound,
                ReadOnly,
            ],
        ),
        (
            "listUsers",
            &[Forbidden, SecondFactorSetupRequired, StepUpRequired, ReadOnly],
        ),
        (
            "updateUser",
            &[
                Forbidden,
                SecondFactorSetupRequired,
                StepUpRequired,
                UserNotFound,
                LastAdministrator,
                AccountDeleted,
                ReadOnly,
            ],
        ),
        (
            "deleteUser",
            &[
                Forbidden,
                SecondFactorSetupRequired,
                StepUpRequired,
                UserNotFound,
                LastAdministrator,
                ReadOnly,
            ],
        ),
        (
            "restoreUser",
            &[
                Forbidden,
                SecondFactorSetupRequired,
                StepUpRequired,
                UserNotFound,
                DeletedByOwner,
                ReadOnly,
            ],
        ),
        (
            "revokeUserSessions",
            &[
                Forbidden,
                SecondFactorSetupRequired,
                StepUpRequired,
                UserNotFound,
                ReadOnly,
            ],
        ),
        ("getPublicKeys", &[]),
        ("getConfig", &[]),
        ("health", &[]),
        ("healthV1", &[]),
        ("live", &[]),
        ("ready", &[]),
    ]
};

/// The codes that a route can answer with, in the order of the catalogue; `None` when nobody has thought of it.
pub(super) fn of(operation: &Operation<'_>, fields: &Map<String, Value>) -> Option<Vec<ErrorCode>> {
    let (_, own) = OWN.iter().find(|(id, _)| *id == operation.id)?;
    let mut codes = own.to_vec();
    if operation::has_body(fields) {
        if !operation.is_upload() {
            codes.push(ErrorCode::MalformedJson);
        }
        codes.extend([
            ErrorCode::ValidationFailed,
            ErrorCode::RequestTimeout,
            ErrorCode::PayloadTooLarge,
            ErrorCode::UnsupportedMediaType,
        ]);
    }
    if operation.takes_key() {
        codes.extend([ErrorCode::IdempotencyInProgress, ErrorCode::IdempotencyKeyReused]);
    }
    // Whatever names no audio is not there.
    if operation::has_parameters(fields) && !operation.has_parts() {
        codes.push(ErrorCode::ValidationFailed);
    }
    if operation::wants_bearer(fields) {
        codes.extend([
            ErrorCode::Unauthorized,
            ErrorCode::TokenExpired,
            ErrorCode::InsufficientScope,
        ]);
    }
    if operation.is_limited() {
        codes.push(ErrorCode::RateLimitExceeded);
    }
    if operation.id != "live" {
        codes.push(ErrorCode::InternalError);
    }
    if operation.is_limited() || operation.id == "ready" {
        codes.push(ErrorCode::Unavailable);
    }
    codes.sort();
    codes.dedup();
    Some(codes)
}
