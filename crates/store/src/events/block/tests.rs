use tollgate_core::usage::chain::{Head, Linked};
use tollgate_core::usage::{Closing, Intent, Outcome, StreamId, UsageEvent};
use ulid::Ulid;

use super::{Block, SPAN, body};

const MINUTE: u64 = 60_000_000;

/// An event of a stream at a place, some minutes after the epoch.
fn event(stream: u16, seq: u64, minute: u64) -> Linked {
    let intent = Intent {
        id: Ulid(u128::from(stream) << 64 | u128::from(seq)),
        time_micros: minute * MINUTE,
        node: "gate-1",
        account: Some("acme"),
        account_id: None,
        consumer: Some("shop"),
        credential: Some("key"),
        route: "chat",
        model: Some("small"),
        method: "POST",
        path: "/v1/chat/completions",
        client_request_id: None,
        tier: None,
    };
    let stream = StreamId { boot: Ulid(1), number: stream };
    let event = UsageEvent::of(stream, seq, &intent, &Closing::unknown(Outcome::Served));
    Head::default().followed_by(&event)
}

#[test]
fn events_are_put_into_as_few_blocks_as_may_be() {
    // Stream, place and minute of each event; places of each block.
    let check = |events: &[(u16, u64, u64)], expected: &[&[u64]]| {
        let events: Vec<Linked> =
            events.iter().map(|(stream, seq, minute)| event(*stream, *seq, *minute)).collect();
        let mut blocks = Block::split(&events.iter().collect::<Vec<_>>());
        blocks.sort_by_key(|block| (block.stream, block.first));
        let opened: Vec<Vec<Linked>> = blocks.iter().map(|block| block.open().unwrap()).collect();
        let places = |block: &Vec<Linked>| block.iter().map(|linked| linked.seq()).collect::<Vec<_>>();
        assert_eq!(opened.iter().map(places).collect::<Vec<_>>(), expected);
        assert!(opened.iter().flatten().all(|linked| events.contains(linked)));
    };
    check(&[], &[]);
    check(&[(0, 1, 0), (0, 2, 59), (0, 5, 3)], &[&[1, 2, 5]]);
    check(&[(0, 1, 0), (0, 2, 60), (0, 3, 59)], &[&[1, 3], &[2]]);
    check(&[(0, 1, 0), (0, 2, 0), (1, 1, 0)], &[&[1, 2], &[1]]);
    check(&[(0, 1, 0), (0, SPAN, 0), (0, SPAN + 1, 0)], &[&[1, SPAN], &[SPAN + 1]]);
    check(&[(0, i64::MAX as u64, 0)], &[&[i64::MAX as u64]]);
}

#[test]
fn a_full_block_takes_few_bytes() {
    let events: Vec<Linked> = (1..=SPAN).map(|seq| event(0, seq, 0)).collect();
    let blocks = Block::split(&events.iter().collect::<Vec<_>>());
    let [block] = blocks.as_slice() else { panic!("{}", blocks.len()) };
    assert_eq!(block.open().unwrap(), events);
    assert!(block.body.len() < 80 * events.len(), "{}", block.body.len());
}

#[test]
fn a_body_that_is_none_is_refused() {
    let events = [event(0, 1, 0), event(0, 2, 0)];
    let packed = body::pack(&events.iter().collect::<Vec<_>>());
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut changed = packed.clone();
        change(&mut changed);
        let found = body::unpack(&changed).and_then(|plain| body::events(&plain).map(|_| ()));
        assert_eq!(found.map_err(str::to_owned), Err(expected.to_owned()));
    };
    let length = |bytes: &mut Vec<u8>, length: u32| bytes[1..5].copy_from_slice(&length.to_le_bytes());
    let plain = u32::from_le_bytes(packed[1..5].try_into().unwrap());
    check(&|bytes| bytes.clear(), "is empty");
    check(&|bytes| bytes[0] = 2, "is of a version that is not known here");
    check(&|bytes| bytes.truncate(4), "is cut off");
    check(&|bytes| bytes.truncate(bytes.len() - 1), "cannot be unpacked");
    check(&|bytes| length(bytes, u32::MAX), "says a length that it cannot have");
    check(&|bytes| length(bytes, bytes.len() as u32 * 255), "says a length that it cannot have");
    check(&|bytes| length(bytes, plain + 1), "has another length than it says");
    check(&|bytes| length(bytes, plain - 1), "cannot be unpacked");
    let of = |plain: &[u8]| [&[1], lz4_flex::block::compress_prepend_size(plain).as_slice()].concat();
    check(&|bytes| *bytes = of(&[0; 40]), "has something else than events");
    check(&|bytes| *bytes = of(&[0, 99, 1]), "has something else than events");
}

#[test]
fn no_byte_of_a_body_makes_a_reader_panic() {
    let events = [event(0, 1, 0), event(0, 2, 0), event(0, 3, 0)];
    let packed = body::pack(&events.iter().collect::<Vec<_>>());
    let read = |bytes: &[u8]| body::unpack(bytes).map(|plain| body::events(&plain).is_ok());
    for at in 0..packed.len() {
        let _ = read(&packed[..at]);
        for bit in 0..8 {
            let mut changed = packed.clone();
            changed[at] ^= 1 << bit;
            let _ = read(&changed);
        }
    }
}

#[test]
fn a_row_says_what_its_body_has() {
    let events = [event(0, 3, 5), event(0, 7, 2)];
    let check = |change: &dyn Fn(&mut Block)| {
        let mut block = Block::split(&events.iter().collect::<Vec<_>>()).remove(0);
        assert_eq!(block.open().unwrap(), events);
        change(&mut block);
        let why = crate::Error::from(block.open().unwrap_err()).to_string();
        assert!(why.contains("has other events than its row says"), "{why}");
    };
    check(&|block| block.stream.number = 1);
    check(&|block| block.first = 2);
    check(&|block| block.last = 8);
    check(&|block| block.last = u64::MAX);
    check(&|block| block.hour += 1);
    check(&|block| block.first_time -= 1);
    check(&|block| block.last_time += 1);
    check(&|block| block.events = 3);
    let [one, two] = &events;
    check(&|block| block.body = body::pack(&[two, one]));
    check(&|block| block.body = body::pack(&[one]));
    check(&|block| block.body = body::pack(&[one, one, two]));
    check(&|block| block.body = body::pack(&[]));
}
