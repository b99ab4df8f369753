//! The options of the commands that ask a running host.

use clap::Args;
use reqwest::Url;

use super::client::{Client, admin_url};
use super::failure::Failure;
use super::on_this_machine;
use crate::config::{Config, Variables};

/// Where the host is, and how its answers are printed.
#[derive(Args)]
pub(super) struct AdminOptions {
    /// Where the host's admin API is [default: that of `ADMIN_ADDR`]
    #[arg(long, global = true, value_name = "URL", value_parser = admin_url)]
    admin: Option<Url>,
    /// Print what the host says as JSON, on one line, and no progress
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl AdminOptions {
    /// A client of the host, with the token of `ADMIN_TOKEN`.
    pub(super) fn client(&self, variables: &Variables) -> Result<Client, Failure> {
        let admin = Config::admin(variables)?;
        let url = match &self.admin {
            Some(url) => url.clone(),
            None => {
                admin_url(&format!("http://{}", on_this_machine(admin.address))).map_err(Failure::Address)?
            }
        };
        Client::new(url, admin.token.as_ref())
    }
}
