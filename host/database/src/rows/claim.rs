//! The claim of a statement's caller, and the key that proves that the host has made the claim.

use berth_postgres::{Error, Parameters, Query};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sqlx::Row as _;

use crate::hash::hex;
use crate::pool::{Pool, PoolError};

/// The identifiers of PostgreSQL's types `text`, `bytea` and `boolean`.
const TYPES: [u32; 3] = [25, 17, 16];

/// Not prepared by name, because the session's prepared statements belong to the component.
const ENTER: &str = "CALL berth_session.enter($1, $2, $3)";

/// SQLSTATE of a claim that the database refuses.
pub(crate) const REFUSED_CLAIM: &str = "BE001";

/// The block size of SHA-256, in bytes.
const BLOCK: usize = 64;

/// The pads of HMAC (RFC 2104).
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

/// The key of claims, which all hosts on one database share.
#[derive(Clone)]
pub struct ClaimKey(Hmac<Sha256>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum ClaimKeyError {
    /// No connection is available.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// PostgreSQL refused a statement.
    #[error("the key of callers' claims cannot be read: {0}")]
    Database(#[from] sqlx::Error),
    /// The key is not one that a host has made.
    #[error("the key in the table `berth.claim_key` has not 64 bytes: delete the row, and restart the hosts")]
    Malformed,
    /// The system has no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl ClaimKey {
    /// Reads the key, and makes one if the database has none. `pool` is the host's.
    ///
    /// # Errors
    ///
    /// See [`ClaimKeyError`].
    pub async fn read(pool: &Pool) -> Result<Self, ClaimKeyError> {
        let mut key = [0; BLOCK];
        getrandom::fill(&mut key)?;
        let pad = |pad: u8| key.map(|byte| byte ^ pad).to_vec();
        let mut connection = pool.acquire().await?;
        sqlx::query(
            "INSERT INTO berth.claim_key (inner_key, outer_key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .persistent(false)
        .bind(pad(INNER_PAD))
        .bind(pad(OUTER_PAD))
        .execute(&mut *connection)
        .await?;
        let inner: Vec<u8> = sqlx::query("SELECT inner_key FROM berth.claim_key")
            .persistent(false)
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
        let inner: [u8; BLOCK] = inner.try_into().map_err(|_| ClaimKeyError::Malformed)?;
        let key = inner.map(|byte| byte ^ INNER_PAD);
        Ok(Self(Hmac::new(&key.into())))
    }

    /// The claim that `subject` is the caller, on a session that was reset with `lease`. Without a lease, the claim is for
    /// a session that has just begun a transaction.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub(crate) fn claim(&self, subject: Option<&str>, lease: Option<&str>) -> Result<Claim, Error> {
        let mut text = match lease {
            Some(lease) => lease.to_owned(),
            None => new_lease()?,
        };
        if let Some(subject) = subject {
            text.push('|');
            text.push_str(subject);
        }
        let mac = self.0.clone().chain_update(&text).finalize().into_bytes();
        let mut parameters = Parameters::default();
        for value in [text.as_bytes(), &mac, &[u8::from(lease.is_some())]] {
            parameters.push_bytes(value);
        }
        Ok(Claim {
            subject: subject.map(str::to_owned),
            query: Query {
                sql: ENTER,
                types: &TYPES,
                parameters,
            },
        })
    }
}

/// A new lease: 128 random bits in hexadecimal.
pub(crate) fn new_lease() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Io(error.into()))?;
    Ok(hex(&bytes))
}

impl std::fmt::Debug for ClaimKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClaimKey")
    }
}

/// A claim.
pub(crate) struct Claim {
    /// The caller. `None` for a request without one.
    pub(crate) subject: Option<String>,
    /// The query that enters the claim.
    pub(crate) query: Query,
}
