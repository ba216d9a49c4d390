use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kinesis::config::Credentials;
use aws_sdk_kinesis::primitives::Blob;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::record::Record;
use tollgate_ledger::sink::SinkAddress;

use super::server::Server;
use super::{Proxy, until};

/// A broker, behind a proxy.
pub struct Broker {
    pub kind: Kind,
    /// Through the proxy.
    pub address: SinkAddress,
    pub proxy: Proxy,
    pub server: Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nats,
    Kafka,
    Kinesis,
}

impl Broker {
    pub async fn start(kind: Kind) -> Self {
        let mut proxy = Proxy::bind().await;
        let port = proxy.port;
        let (server, address) = match kind {
            Kind::Nats => (Server::broker(&["nats"]), format!("nats://127.0.0.1:{port}/USAGE")),
            Kind::Kafka => {
                (Server::broker(&["kafka", &port.to_string()]), format!("kafka://127.0.0.1:{port}/usage"))
            }
            Kind::Kinesis => {
                let endpoint = format!("endpoint=http://127.0.0.1:{port}&region=eu-central-1");
                (Server::broker(&["kinesis"]), format!("kinesis://AKID:secret@usage?{endpoint}"))
            }
        };
        proxy.lead_to(server.port());
        let broker = Self { kind, address: SinkAddress::parse(&address).unwrap(), proxy, server };
        broker.make().await;
        broker
    }

    /// Makes what the sink does not make by itself.
    async fn make(&self) {
        match self.kind {
            Kind::Nats => {}
            Kind::Kafka => {
                let controller = self.kafka().await.controller_client().unwrap();
                controller.create_topic("usage", 4, 1, 10_000).await.unwrap();
            }
            Kind::Kinesis => {
                let client = self.kinesis().await;
                client.create_stream().stream_name("usage").shard_count(3).send().await.unwrap();
                until("the stream is active", async || {
                    let about = client.describe_stream_summary().stream_name("usage").send().await.unwrap();
                    about.stream_description_summary().unwrap().stream_status().as_str() == "ACTIVE"
                })
                .await;
            }
        }
    }

    /// Sends something that is no event.
    pub async fn send(&self, body: &[u8]) {
        match self.kind {
            Kind::Nats => {
                let context = async_nats::jetstream::new(self.nats().await);
                context.publish("tollgate.usage", body.to_vec().into()).await.unwrap().await.unwrap();
            }
            Kind::Kafka => {
                let client = self.kafka().await;
                let partition =
                    client.partition_client("usage", 1, UnknownTopicHandling::Error).await.unwrap();
                let record = Record {
                    key: None,
                    value: Some(body.to_vec()),
                    headers: Default::default(),
                    timestamp: chrono::DateTime::default(),
                };
                partition.produce(vec![record], Compression::NoCompression).await.unwrap();
            }
            Kind::Kinesis => {
                let put = self.kinesis().await.put_record().stream_name("usage").partition_key("x");
                put.data(Blob::new(body)).send().await.unwrap();
            }
        }
    }

    pub async fn nats(&self) -> async_nats::Client {
        async_nats::ConnectOptions::new()
            .connection_timeout(Duration::from_secs(10))
            .connect(format!("nats://127.0.0.1:{}", self.server.port()))
            .await
            .unwrap()
    }

    async fn kafka(&self) -> rskafka::client::Client {
        ClientBuilder::new(vec![format!("127.0.0.1:{}", self.server.port())]).build().await.unwrap()
    }

    async fn kinesis(&self) -> aws_sdk_kinesis::Client {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(format!("http://127.0.0.1:{}", self.server.port()))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"));
        aws_sdk_kinesis::Client::new(&config.load().await)
    }
}
