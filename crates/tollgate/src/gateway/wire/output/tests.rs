use std::future::poll_fn;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::Output;
use crate::gateway::wire::io::Io;

/// Writes a head and parts of a body, and returns what arrives.
fn written(head: &str, parts: &[Vec<u8>], chunked: bool) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sending = async {
            let mut io = Io::Plain(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
            let mut output = Output::default();
            output.head().extend_from_slice(head.as_bytes());
            for (part, left) in parts.iter().zip((0..parts.len()).rev()) {
                output.push(Bytes::from(part.clone()), chunked);
                if left == 0 && chunked {
                    output.push_last_chunk();
                }
                poll_fn(|cx| output.poll_write(&mut io, cx)).await.unwrap();
                assert!(output.is_empty());
            }
        };
        let receiving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            bytes
        };
        tokio::join!(sending, receiving).1
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever is copied or passed on as it is, the bytes are the same.
    #[test]
    fn all_bytes_arrive_in_their_order(
        sizes in prop::collection::vec(prop_oneof![1usize..20, 4000usize..4200, 90_000usize..200_000], 1..4),
        chunked: bool,
    ) {
        let parts: Vec<Vec<u8>> = sizes.iter().zip(0u8..).map(|(size, byte)| vec![byte; *size]).collect();
        let mut expected = b"head\r\n".to_vec();
        for part in &parts {
            if chunked {
                expected.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            }
            expected.extend_from_slice(part);
            if chunked {
                expected.extend_from_slice(b"\r\n");
            }
        }
        if chunked {
            expected.extend_from_slice(b"0\r\n\r\n");
        }
        prop_assert_eq!(written("head\r\n", &parts, chunked), expected);
    }
}
