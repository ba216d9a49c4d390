//! The same where a fleet shares the rates: some calls have to ask the store before they are admitted.

use core::net::IpAddr;
use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Admission, Refused, refuse, rules, soften};
use crate::access::Permit;
use crate::credential::Credential;
use crate::limit::fleet::{Asked, Fleet, share_of};
use crate::limit::script::{Share, read_answer, reserve_arguments};
use crate::limit::{Cost, Key, Limit, Limiter, Refusal, Reservation, Standing};
use crate::time::Now;

/// How far an admission comes without asking.
#[derive(Debug)]
#[must_use = "an admission that is dropped gives back what it holds"]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it was made, and never kept")]
pub enum Progress {
    /// To its end.
    Admitted(Admission),
    /// The store is to be asked.
    Ask(Box<Asking>),
}

/// A permitted call between its question to the store and the answer. Dropped, it gives back what it holds here; what the
/// store has taken for an answer that nobody heard comes back with time.
#[derive(Debug)]
#[must_use = "a call that is not answered is not admitted"]
pub struct Asking {
    call: Call,
    reservation: Reservation,
    /// What each place of [`Self::reservation`] is among the call's rules.
    places: SmallVec<[usize; 4]>,
    hold: crate::limit::fleet::Hold,
    missing: Vec<Asked>,
    asked_at: Now,
}

/// Who asks for what.
#[derive(Debug)]
struct Call {
    limiter: Arc<Limiter>,
    permit: Permit,
    client: IpAddr,
    cost: Cost,
}

/// Reserves as [`super::reserve`] does, rates from the fleet and slots from this node's share of them.
///
/// # Errors
/// [`Refused`] where a limit is used up, as far as this node knows.
pub fn begin(
    limiter: &Arc<Limiter>,
    fleet: &Arc<Fleet>,
    permit: Permit,
    client: IpAddr,
    cost: Cost,
    now: Now,
) -> Result<Progress, Box<Refused>> {
    let call = Call { limiter: limiter.clone(), permit, client, cost };
    if call.permit.softened().is_some() || call.rules().next().is_none() {
        let admission = Admission { permit: call.permit, reservation: None, softened: None };
        return Ok(Progress::Admitted(admission));
    }
    let (rates, places) = call.sort();
    let reservation = match call.reserve(&places, fleet.nodes(), now) {
        Ok(reservation) => reservation,
        Err(refused) => return soften(call.permit, refused).map(Progress::Admitted),
    };
    let (hold, missing) = match fleet.begin(&rates, now) {
        Ok(begun) => begun,
        Err((place, ends)) => {
            let standing = call.standing(fleet, &reservation, &places, now);
            let refused = call.refused(Refusal::Limited { limit: place, ends, standing });
            return soften(call.permit, refused).map(Progress::Admitted);
        }
    };
    let asking = Asking { call, reservation, places, hold, missing, asked_at: now };
    if asking.missing.is_empty() {
        return Ok(Progress::Admitted(asking.admit(now)));
    }
    Ok(Progress::Ask(Box::new(asking)))
}

impl Asking {
    /// Which keys the script is asked about.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.missing.iter().map(|asked| asked.key)
    }

    /// The script's `ARGV`; nothing where a rate is too fine to be shared, which is then granted as if the store were away.
    pub fn arguments(&self) -> Option<Vec<String>> {
        reserve_arguments(&self.shares(), None).ok()
    }

    /// Goes on with the script's answer, or without one: then this node grants its own share.
    ///
    /// # Errors
    /// [`Refused`] where a limit is used up. Nothing is taken then.
    pub fn answer(mut self, answer: Option<&[i64]>, now: Now) -> Result<Admission, Box<Refused>> {
        let fleet = self.hold.fleet().clone();
        let shares = self.shares();
        let Some(answer) = answer.and_then(|answer| read_answer(&shares, answer).ok()) else {
            return self.alone(&fleet, now);
        };
        match fleet.answer(&mut self.hold, &self.missing, &answer, self.asked_at) {
            Ok(()) => Ok(self.admit(now)),
            Err((place, ends)) => {
                let standing = self.call.standing(&fleet, &self.reservation, &self.places, now);
                let refused = self.call.refused(Refusal::Limited { limit: place, ends, standing });
                soften(self.call.permit, refused)
            }
        }
    }

    fn alone(mut self, fleet: &Fleet, now: Now) -> Result<Admission, Box<Refused>> {
        let places: SmallVec<[usize; 4]> = self.missing.iter().map(|asked| asked.place).collect();
        let local = match self.call.reserve(&places, fleet.nodes(), now) {
            Ok(local) => local,
            Err(refused) => return soften(self.call.permit, refused),
        };
        self.reservation.absorb(local);
        self.places.extend(places);
        Ok(self.admit(now))
    }

    fn admit(self, now: Now) -> Admission {
        let Self { call, mut reservation, places, mut hold, .. } = self;
        let fleet = hold.fleet().clone();
        hold.standing = call.standing(&fleet, &reservation, &places, now);
        reservation.join(hold);
        Admission { permit: call.permit, reservation: Some(reservation), softened: None }
    }

    fn shares(&self) -> Vec<Share<'_>> {
        self.missing.iter().map(|asked| Share { rate: &asked.rate, units: asked.units }).collect()
    }
}

impl Call {
    fn credential(&self) -> Option<&Credential> {
        self.permit.identity().map(|identity| &*identity.credential)
    }

    fn rules(&self) -> impl Iterator<Item = (&Limit, Key)> {
        let credential = self.credential();
        rules(self.permit.route(), credential)
            .map(move |rule| (rule.limit(), rule.key(credential, self.client)))
    }

    /// The rates, which the fleet shares, and the places of everything else.
    fn sort(&self) -> (SmallVec<[Asked; 4]>, SmallVec<[usize; 4]>) {
        let (mut rates, mut others) = (SmallVec::new(), SmallVec::new());
        for (place, (limit, key)) in self.rules().enumerate() {
            match limit {
                Limit::Rate(rate) => {
                    rates.push(Asked { place, rate: *rate, key, units: self.cost.of(rate.unit()) });
                }
                Limit::Concurrent(_) | Limit::Quota(_) => others.push(place),
            }
        }
        (rates, others)
    }

    /// Takes this node's share of the limits at these places.
    fn reserve(&self, places: &[usize], nodes: u32, now: Now) -> Result<Reservation, Box<Refused>> {
        let shares: SmallVec<[(Cow<'_, Limit>, Key); 4]> = places
            .iter()
            .filter_map(|place| self.rules().nth(*place))
            .map(|(limit, key)| (share_of(limit, nodes), key))
            .collect();
        let limits: SmallVec<[(&Limit, Key); 4]> =
            shares.iter().map(|(limit, key)| (&**limit, *key)).collect();
        let place = |index: usize| places.get(index).copied().unwrap_or(0);
        self.limiter.reserve(&limits, &self.cost, now).map_err(|refusal| {
            self.refused(match refusal {
                // Of the other limits nothing is known here.
                Refusal::Limited { limit, ends, standing } if places.len() == self.rules().count() => {
                    Refusal::Limited { limit: place(limit), ends, standing }
                }
                Refusal::Limited { limit, ends, .. } => {
                    Refusal::Limited { limit: place(limit), ends, standing: Vec::new() }
                }
                Refusal::Unloaded { limit } => Refusal::Unloaded { limit: place(limit) },
            })
        })
    }

    /// What every limit has left: of those at `places` the reservation knows it, of the others the fleet.
    fn standing(
        &self,
        fleet: &Fleet,
        reservation: &Reservation,
        places: &[usize],
        now: Now,
    ) -> Vec<Standing> {
        let own: SmallVec<[Standing; 4]> = reservation.standing().collect();
        let known = |place: usize| {
            let index = places.iter().position(|have| *have == place)?;
            own.get(index).copied()
        };
        let all = self.rules().enumerate();
        all.filter_map(|(place, (limit, key))| match (known(place), limit) {
            (Some(standing), _) => Some(standing),
            (None, Limit::Rate(rate)) => Some(fleet.standing(rate, &key, now)),
            (None, Limit::Concurrent(_) | Limit::Quota(_)) => None,
        })
        .collect()
    }

    fn refused(&self, refusal: Refusal) -> Box<Refused> {
        Box::new(refuse(rules(self.permit.route(), self.credential()), refusal))
    }
}
