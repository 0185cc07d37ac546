//! What each rule of the protocol is for: without it, the checker finds a way to something that
//! must not happen.

use clap::ValueEnum;
use model::checking::counterexample;
use model::configuration::Name::{self, NormalUpgrade, Rivals};
use model::properties::{
    ALONE, BOUNDED, ENDS, FENCED, GIVEN_A_CHANCE, HONEST, IN_TIME, ONCE, READ, REQUEST, SURVIVABLE,
    TABLE, TRUE,
};
use model::rules::Rule;

/// Without these rules, with so many faults, this does not hold.
struct Bite {
    without: &'static [Rule],
    name: Name,
    faults: u8,
    property: &'static str,
}

macro_rules! bites {
    ($($test:ident: $without:expr, $name:ident with $faults:literal => $property:ident;)*) => {
        const BITES: &[Bite] = &[$(
            Bite { without: &$without, name: $name, faults: $faults, property: $property },
        )*];

        $(#[test]
        fn $test() {
            let bite = Bite {
                without: &$without,
                name: $name,
                faults: $faults,
                property: $property,
            };
            bite.is_found();
        })*
    };
}

bites! {
    fence_by_token: [Rule::FenceByToken], NormalUpgrade with 1 => FENCED;
    fence_by_seq: [Rule::FenceByToken, Rule::FenceBySeq], NormalUpgrade with 1 => TABLE;
    claim_by_step: [Rule::ClaimByStep], NormalUpgrade with 1 => TABLE;
    intent_first: [Rule::IntentFirst], NormalUpgrade with 1 => ONCE;
    observe_first: [Rule::ObserveFirst], NormalUpgrade with 0 => ONCE;
    settle_before_resend: [Rule::SettleBeforeResend], NormalUpgrade with 1 => ONCE;
    check_before_write: [Rule::CheckBeforeWrite], NormalUpgrade with 2 => ONCE;
    date_by_note: [Rule::DateByNote], NormalUpgrade with 2 => ONCE;
    fail_when_settled: [Rule::FailWhenSettled], NormalUpgrade with 1 => IN_TIME;
    steady_look: [Rule::SteadyLook], NormalUpgrade with 1 => READ;
    shown_not_said: [Rule::ShownNotSaid], NormalUpgrade with 0 => HONEST;
    max_sends: [Rule::MaxSends], NormalUpgrade with 2 => BOUNDED;
    count_known: [Rule::CountKnown], NormalUpgrade with 2 => GIVEN_A_CHANCE;
    max_deaths: [Rule::MaxDeaths], NormalUpgrade with 2 => SURVIVABLE;
    deadline: [Rule::Deadline], NormalUpgrade with 2 => ENDS;
    record_first: [Rule::RecordFirst], NormalUpgrade with 0 => TRUE;
    ack_last: [Rule::AckLast], NormalUpgrade with 1 => ENDS;
    wake_on_accept: [Rule::WakeOnAccept], NormalUpgrade with 1 => ENDS;
    wake_on_claim: [Rule::WakeOnClaim], NormalUpgrade with 1 => ENDS;
    wake_on_wait: [Rule::WakeOnWait], NormalUpgrade with 0 => ENDS;
    wake_on_record: [Rule::WakeOnRecord], NormalUpgrade with 1 => ENDS;
    announce_untaken: [Rule::AnnounceUntaken], NormalUpgrade with 1 => ENDS;
    announce_ends: [Rule::AnnounceEnds], NormalUpgrade with 2 => ENDS;
    keep_refused: [Rule::KeepRefused], NormalUpgrade with 1 => ENDS;
    one_unfinished: [Rule::OneUnfinished], Rivals with 0 => ALONE;
    request_id_once: [Rule::RequestIdOnce], NormalUpgrade with 1 => REQUEST;
    wire_bounded: [Rule::WireBounded], NormalUpgrade with 1 => ONCE;
}

impl Bite {
    fn is_found(&self) {
        let whole = self.name.with_faults(self.faults);
        let rules = self.without.iter();
        let broken = rules.fold(whole, |configuration, rule| configuration.without(*rule));
        let found = counterexample(&broken, self.property);
        assert!(
            found.is_some(),
            "nothing shows what {:?} is for",
            self.without
        );
    }
}

/// Nothing rests on claims that exclude others: see `holds.rs`.
#[test]
fn no_rule_is_forgotten() {
    for rule in Rule::value_variants() {
        let tried = BITES.iter().any(|bite| bite.without.contains(rule));
        assert!(tried || *rule == Rule::ClaimsExclude, "{rule:?}");
    }
}
