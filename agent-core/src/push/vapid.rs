//! Who sends: the server's key and its signed tokens (VAPID, RFC 8292).

use std::collections::HashMap;
use std::io::Write;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};

use super::PushError;
use crate::Home;

const FILE: &str = "vapid.key";
/// RFC 8292 §2 allows 24 hours; half of it tolerates clocks that disagree.
const LIFETIME_S: i64 = 12 * 3600;
/// A token is made anew when less than this is left.
const RENEW_BEFORE_S: i64 = 3600;

/// The key pair, kept for ever: every subscription is bound to it.
pub(super) struct VapidKey {
    key: SigningKey,
    tokens: Mutex<HashMap<String, (i64, String)>>,
}

impl VapidKey {
    /// Reads the key, or makes it on the first start.
    pub(super) fn load_or_make(home: &Home) -> Result<Self, PushError> {
        let path = home.keys().join(FILE);
        let unusable = |what: &str| {
            PushError::Unavailable(format!(
                "{} {what}; restore it from a backup, or remove it and switch notifications on again on every device",
                path.display()
            ))
        };
        let bytes = match std::fs::read_to_string(&path) {
            Ok(text) => {
                URL_SAFE_NO_PAD.decode(text.trim()).map_err(|error| unusable(&format!("is damaged ({error})")))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(&path)?,
            Err(error) => return Err(unusable(&format!("cannot be read ({error})"))),
        };
        let key = SigningKey::from_slice(&bytes).map_err(|error| unusable(&format!("is no key ({error})")))?;
        Ok(Self { key, tokens: Mutex::new(HashMap::new()) })
    }

    /// The public key for `applicationServerKey`, base64url.
    pub(super) fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.verifying_key().to_sec1_point(false).as_bytes())
    }

    /// The `Authorization` header for a push service. Tokens are used again for hours: Apple asks for at most one an
    /// hour.
    pub(super) fn authorization(&self, audience: &str, subject: &str, now_s: i64) -> String {
        let mut tokens = self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let good = tokens.get(audience).filter(|(expires, _)| expires - now_s > RENEW_BEFORE_S);
        let token = match good {
            Some((_, token)) => token.clone(),
            None => {
                let expires = now_s + LIFETIME_S;
                let token = self.sign(audience, subject, expires);
                if tokens.len() > 100 {
                    tokens.clear();
                }
                tokens.insert(audience.to_owned(), (expires, token.clone()));
                token
            }
        };
        format!("vapid t={token}, k={}", self.public_key())
    }

    fn sign(&self, audience: &str, subject: &str, expires: i64) -> String {
        let header = URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"ES256"}"#);
        let claims = serde_json::json!({ "aud": audience, "exp": expires, "sub": subject }).to_string();
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// Makes the key, written whole or not at all. Whoever is second to make it reads the first one's.
fn make(path: &std::path::Path) -> Result<Vec<u8>, PushError> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed =
        |error: std::io::Error| PushError::Unavailable(format!("{} cannot be written: {error}", path.display()));
    let bytes = super::encrypt::fresh_key()?.to_bytes().to_vec();
    // A name of its own: two that make the key at once must not write into one file.
    let fresh = path.with_extension(format!("{}.new", uuid::Uuid::now_v7()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(failed)?;
    file.write_all(URL_SAFE_NO_PAD.encode(&bytes).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(&fresh).map_err(failed)?;
    match linked {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(path).map_err(failed)?;
            URL_SAFE_NO_PAD
                .decode(text.trim())
                .map_err(|error| PushError::Unavailable(format!("{} is damaged: {error}", path.display())))
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Verifier;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_private_and_signs_what_services_check() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.create().unwrap();
        let key = VapidKey::load_or_make(&home).unwrap();
        let again = VapidKey::load_or_make(&home).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        let mode = std::fs::metadata(home.keys().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let header = key.authorization("https://push.example:8443", "mailto:a@example.com", 1_000);
        assert_eq!(header, key.authorization("https://push.example:8443", "mailto:a@example.com", 2_000), "used again");
        let token = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap().0;
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        key.key.verifying_key().verify(signed.as_bytes(), &signature).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap()).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["exp"], 1_000 + LIFETIME_S);
    }

    #[test]
    fn makers_at_the_same_time_agree_on_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.create().unwrap();
        let keys: std::collections::HashSet<String> = std::thread::scope(|scope| {
            let makers: Vec<_> =
                (0..8).map(|_| scope.spawn(|| VapidKey::load_or_make(&home).unwrap().public_key())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(std::fs::read_dir(home.keys()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_damaged_key_is_not_replaced_silently() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.create().unwrap();
        std::fs::write(home.keys().join(FILE), "not a key").unwrap();
        assert!(matches!(VapidKey::load_or_make(&home), Err(PushError::Unavailable(_))));
    }
}
