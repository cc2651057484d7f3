//! Worker identities on disk: the home itself is `default`, others are `profiles/<id>/`.
