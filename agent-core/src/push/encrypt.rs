//! Message encryption for Web Push: RFC 8291 over the aes128gcm coding of RFC 8188, one record.

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman};
use sha2::Sha256;

use super::PushError;

/// 4096 bytes of body, less the header (86), the delimiter (1) and the tag (16).
pub(super) const MAX_PLAINTEXT: usize = 3993;
const RECORD_SIZE: u32 = 4096;

/// What a subscription says about its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SubscriberKeys {
    /// P-256 public key, 65 bytes, uncompressed.
    pub(super) p256dh: Vec<u8>,
    /// 16 bytes shared with the receiver.
    pub(super) auth: Vec<u8>,
}

impl SubscriberKeys {
    /// Reads base64url texts, with or without padding.
    pub(super) fn parse(p256dh: &str, auth: &str) -> Result<Self, PushError> {
        let keys = Self { p256dh: decode(p256dh)?, auth: decode(auth)? };
        keys.receiver()?;
        Ok(keys)
    }

    fn receiver(&self) -> Result<PublicKey, PushError> {
        let bad = || PushError::Invalid("the browser's push keys are damaged; switch notifications off and on".into());
        if self.auth.len() != 16 || self.p256dh.len() != 65 || self.p256dh.first() != Some(&4) {
            return Err(bad());
        }
        // Refuses points that are not on the curve.
        PublicKey::from_sec1_bytes(&self.p256dh).map_err(|_| bad()) // silent-ok: the cause is in the sentence
    }
}

fn decode(text: &str) -> Result<Vec<u8>, PushError> {
    let engine = if text.ends_with('=') { &URL_SAFE } else { &URL_SAFE_NO_PAD };
    engine
        .decode(text.trim())
        .map_err(|error| PushError::Invalid(format!("the browser's push keys are not base64url: {error}")))
}

/// Encrypts for one receiver, with a fresh key and salt.
pub(super) fn encrypt(plaintext: &[u8], keys: &SubscriberKeys) -> Result<Vec<u8>, PushError> {
    let mut salt = [0_u8; 16];
    random(&mut salt)?;
    encrypt_with(plaintext, keys, &fresh_key()?, salt)
}

/// A fresh P-256 key.
pub(super) fn fresh_key() -> Result<SecretKey, PushError> {
    // A random number is no key with a chance of 2⁻³²; then another one is.
    for _ in 0..8 {
        let mut bytes = [0_u8; 32];
        random(&mut bytes)?;
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return Ok(key);
        }
    }
    Err(PushError::Unavailable("the machine's randomness gives no key".into()))
}

fn random(bytes: &mut [u8]) -> Result<(), PushError> {
    getrandom::fill(bytes).map_err(|error| PushError::Unavailable(format!("no randomness: {error}")))
}

fn encrypt_with(
    plaintext: &[u8],
    keys: &SubscriberKeys,
    own: &SecretKey,
    salt: [u8; 16],
) -> Result<Vec<u8>, PushError> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(PushError::Invalid(format!("a push message has at most {MAX_PLAINTEXT} bytes")));
    }
    let failed = || PushError::Unavailable("the push message could not be encrypted".into());
    let receiver = keys.receiver()?;
    let own_public = own.public_key().to_sec1_point(false);
    let shared = diffie_hellman(own.to_nonzero_scalar(), receiver.as_affine());
    let info = [b"WebPush: info\0".as_slice(), &keys.p256dh, own_public.as_bytes()].concat();
    let mut input_key = [0_u8; 32];
    Hkdf::<Sha256>::new(Some(&keys.auth), shared.raw_secret_bytes())
        .expand(&info, &mut input_key)
        .map_err(|_| failed())?; // silent-ok: only a wrong length fails, which is a constant
    let derived = Hkdf::<Sha256>::new(Some(&salt), &input_key);
    let (mut key, mut nonce) = ([0_u8; 16], [0_u8; 12]);
    derived.expand(b"Content-Encoding: aes128gcm\0", &mut key).map_err(|_| failed())?; // silent-ok: as above
    derived.expand(b"Content-Encoding: nonce\0", &mut nonce).map_err(|_| failed())?; // silent-ok: as above
    let mut record = plaintext.to_vec();
    record.push(2); // the last record's delimiter, RFC 8188 §2
    let cipher = Aes128Gcm::new_from_slice(&key).map_err(|_| failed())?; // silent-ok: the length is a constant
    let sealed = cipher.encrypt((&nonce).into(), record.as_slice()).map_err(|_| failed())?; // silent-ok: as above
    Ok([salt.as_slice(), &RECORD_SIZE.to_be_bytes(), &[65], own_public.as_bytes(), &sealed].concat())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use p256::SecretKey;

    use super::{MAX_PLAINTEXT, SubscriberKeys, decode, encrypt, encrypt_with};

    const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn agrees_with_rfc_8291_appendix_a() {
        let own = SecretKey::from_slice(&decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw").unwrap()).unwrap();
        let salt = decode("DGv6ra1nlYgDCS1FRnbzlw").unwrap().try_into().unwrap();
        let keys = SubscriberKeys::parse(P256DH, AUTH).unwrap();
        let body = encrypt_with(b"When I grow up, I want to be a watermelon", &keys, &own, salt).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6\
             PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn the_longest_message_fills_the_body_and_a_longer_one_is_refused() {
        let keys = SubscriberKeys::parse(P256DH, AUTH).unwrap();
        assert_eq!(encrypt(&vec![0; MAX_PLAINTEXT], &keys).unwrap().len(), 4096);
        assert!(encrypt(&vec![0; MAX_PLAINTEXT + 1], &keys).is_err());
    }

    #[test]
    fn damaged_keys_are_refused() {
        let off_curve = URL_SAFE_NO_PAD.encode([&[4_u8][..], &[7; 64]].concat());
        for (p256dh, auth) in [("", AUTH), (P256DH, ""), (P256DH, "AAAA"), ("!!", AUTH), (&off_curve, AUTH)] {
            assert!(SubscriberKeys::parse(p256dh, auth).is_err(), "{p256dh} {auth}");
        }
    }
}
