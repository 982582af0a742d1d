//! Who must have a second factor.

use parlance_domain::accounts::{Role, Roles};

use super::reader::Reader;

/// The roles that call for one.
pub(super) fn required_roles(reader: &mut Reader<'_>) -> Roles {
    let roles = reader.list("SECOND_FACTOR_REQUIRED_ROLES", |text| {
        text.parse::<Role>()
            .map_err(|_| format!("`{text}` is not a role: must be among user and admin"))
    });
    roles.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use parlance_domain::accounts::{Role, Roles};

    use crate::settings::tests::{development, subjects};

    #[test]
    fn roles_are_named_and_none_is_called_for_unless_one_is() {
        let roles = |text| {
            let settings = development([("SECOND_FACTOR_REQUIRED_ROLES", text)]);
            settings.unwrap().second_factor_roles
        };
        assert_eq!(roles(""), Roles::new());
        assert_eq!(roles("admin"), Roles::from([Role::Admin]));
        assert_eq!(roles("user, admin"), Roles::from([Role::User, Role::Admin]));
        let refused = development([("SECOND_FACTOR_REQUIRED_ROLES", "root")]);
        assert_eq!(subjects(refused), ["SECOND_FACTOR_REQUIRED_ROLES"]);
    }
}
