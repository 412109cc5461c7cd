//! Settings as used: the file, then what was typed over it. The only place that reads the clock.

pub(crate) mod in_use;

use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tightfit::config::{Attach, Class, Cni, Config, ConfigError, Network, NetworkBasis, UncheckedConfig};

use crate::args::{Choose, Shape, Shared};
use crate::exit::WrongValue;

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "tightfit.toml";

/// Reads the settings file and lays the typed choice over it.
pub(crate) fn config(shared: &Shared, choose: &Choose, shape: &Shape) -> Result<Config> {
    // What was typed is checked by itself first: a wrong value of an option is wrong usage, one in the file is not.
    let wrong = |error: ConfigError| WrongValue(format!("a value on the command line: {error}"));
    typed(UncheckedConfig::default(), choose, shape)?.check().map_err(wrong)?;
    let file = shared.config.as_deref().or_else(|| Some(Path::new(DEFAULT_FILE)).filter(|file| file.is_file()));
    let unchecked = file.map_or_else(|| Ok(UncheckedConfig::default()), read)?;
    let checked = typed(unchecked, choose, shape)?.check();
    let mut config = checked.with_context(|| format!("settings file `{}`", file.unwrap_or(Path::new(DEFAULT_FILE)).display()))?;
    let now = Timestamp::now();
    config.choose.since = choose.window.since.as_deref().map(|text| moment("--since", text, now)).transpose()?;
    config.choose.until = choose.window.until.as_deref().map(|text| moment("--until", text, now)).transpose()?;
    if let (Some(since), Some(until)) = (config.choose.since, config.choose.until)
        && since >= until
    {
        bail!("`--since` ({since}) is not before `--until` ({until}): no record could be read");
    }
    Ok(config)
}

/// Lays the typed choice over settings.
fn typed(mut unchecked: UncheckedConfig, choose: &Choose, shape: &Shape) -> Result<UncheckedConfig> {
    unchecked.choose.identities.extend(choose.identity.iter().cloned());
    unchecked.choose.exclude.extend(choose.exclude.iter().cloned());
    unchecked.choose.accounts.extend(choose.account.iter().cloned());
    unchecked.choose.namespaces.extend(choose.namespace.iter().cloned());
    for class in &choose.class {
        unchecked.choose.classes.insert(class_named(class)?);
    }
    for cluster in &choose.window.cluster {
        let (name, glob) =
            cluster.split_once('=').ok_or_else(|| WrongValue(format!("`--cluster {cluster}`: expected NAME=GLOB")))?;
        unchecked.clusters.insert(name.to_owned(), glob.to_owned());
    }
    if choose.window.vpc_format.is_some() {
        unchecked.ingest.vpc_format.clone_from(&choose.window.vpc_format);
    }
    if shape.rules.exact {
        unchecked.generalize.exact = Some(true);
    }
    unchecked.documents.fold_accounts |= shape.fold_accounts;
    if let Some(attach) = &shape.attach {
        let known = [Attach::Managed, Attach::Inline, Attach::PermissionSet, Attach::Boundary];
        let found = known.into_iter().find(|known| known.name() == attach);
        unchecked.documents.attach =
            found.ok_or_else(|| WrongValue(format!("`--attach {attach}`: not a way to attach a policy")))?;
    }
    if shape.rules.kubernetes.is_some() {
        unchecked.kubernetes.version.clone_from(&shape.rules.kubernetes);
    }
    network(&mut unchecked.network, shape)?;
    Ok(unchecked)
}

/// Lays what was typed about the network over settings.
fn network(unchecked: &mut Network, shape: &Shape) -> Result<()> {
    if let Some(basis) = &shape.rules.basis {
        let found = NetworkBasis::ALL.iter().find(|known| known.name() == basis);
        unchecked.basis = *found.ok_or_else(|| WrongValue(format!("`--network {basis}`: not a basis of policies")))?;
        // Where none are written this once, the forms of the settings file mean nothing.
        if unchecked.basis == NetworkBasis::Off {
            (unchecked.cilium, unchecked.calico_staged) = (false, false);
        }
    }
    if let Some(cni) = &shape.cni {
        let found = Cni::ALL.iter().find(|known| known.name() == cni);
        unchecked.cni = *found.ok_or_else(|| WrongValue(format!("`--cni {cni}`: not a known network plugin")))?;
    }
    for (option, typed) in [("--cilium", shape.cilium), ("--calico-staged", shape.calico_staged)] {
        if typed && unchecked.basis == NetworkBasis::Off {
            bail!(WrongValue(format!(
                "`{option}`: no NetworkPolicy is written that it could be a form of, since the basis is `off`"
            )));
        }
    }
    unchecked.cilium |= shape.cilium;
    unchecked.calico_staged |= shape.calico_staged;
    Ok(())
}

fn read(file: &Path) -> Result<UncheckedConfig> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("settings file `{name}` cannot be read"))?;
    Ok(UncheckedConfig::parse(&name, &text)?)
}

fn class_named(name: &str) -> Result<Class> {
    let classes = [Class::Workload, Class::Human, Class::Ci, Class::BreakGlass, Class::System, Class::Operator];
    let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
    let found = classes.iter().find(|class| class.name() == name).copied();
    found.ok_or_else(|| WrongValue(format!("`--class {name}`: expected one of {}", names.join(", "))).into())
}

/// A date, a timestamp, or an age such as `30d`, `12h`, `45m`.
fn moment(option: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(date) = text.parse::<Date>() {
        return Ok(date.to_zoned(TimeZone::UTC)?.timestamp());
    }
    let split = text.char_indices().next_back().and_then(|(at, unit)| Some((text.get(..at)?.parse::<i64>().ok()?, unit)));
    let age = match split {
        Some((count, 'd')) => count.checked_mul(24).map(SignedDuration::from_hours),
        Some((count, 'h')) => Some(SignedDuration::from_hours(count)),
        Some((count, 'm')) => Some(SignedDuration::from_mins(count)),
        _ => None,
    };
    match age.and_then(|age| now.checked_sub(age).ok()) {
        Some(time) => Ok(time),
        None => bail!(WrongValue(format!(
            "`{option} {text}`: expected a date (2026-11-01), a time (2026-11-01T12:00:00Z) or an age (30d, 12h, 45m)"
        ))),
    }
}
