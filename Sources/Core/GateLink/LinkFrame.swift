import GateModel
package import NIOCore

/// One unit of the link protocol, between two processes of one node.
///
/// On the wire (numbers big-endian; the length counts what follows it and is at most 1 MiB):
///
///     ┌────────────┬─────────┬──────────────────┬──────────┐
///     │ u32 length │ u8 type │ u32 stream       │ body     │
///     └────────────┴─────────┴──────────────────┴──────────┘
///
/// | type | frame              | stream  | body                                                     |
/// | ---- | ------------------ | ------- | -------------------------------------------------------- |
/// | 1    | hello              | 0       | protobuf `Hello`                                         |
/// | 2    | welcome            | 0       | protobuf `Welcome`                                       |
/// | 3, 4 | ping, pong         | 0       | u64 token                                                |
/// | 5    | drain              | 0       | empty                                                    |
/// | 6    | goAway             | 0       | protobuf `GoAway`                                        |
/// | 7    | attach             | 0       | protobuf `Attach`                                        |
/// | 8    | attached           | 0       | protobuf `Attached`                                      |
/// | 9    | refused            | 0       | protobuf `Refused`                                       |
/// | 16   | peerEvent          | 0       | protobuf `PeerEvent`                                     |
/// | 17   | message            | 0       | u16 n, n bytes of protobuf `MessageHeader`, payload      |
/// | 18   | receipt            | 0       | protobuf `Receipt`                                       |
/// | 19   | peerCredit         | 0       | protobuf `PeerCredit`                                    |
/// | 20   | connect            | 0       | protobuf `Connect`                                       |
/// | 21   | connected          | 0       | protobuf `Connected`                                     |
/// | 22   | connectFailed      | 0       | protobuf `ConnectFailed`                                 |
/// | 32   | streamOpen         | alias   | protobuf `StreamOpen`                                    |
/// | 33   | streamData         | alias   | the bytes                                                |
/// | 34   | streamCredit       | alias   | u64 limit: bytes may be sent up to this offset           |
/// | 35   | streamAcknowledged | alias   | u64 offset: consumed by the other side's handler         |
/// | 36   | streamFinish       | alias   | empty                                                    |
/// | 37   | streamReset        | alias   | u32 code                                                 |
/// | 38   | streamDone         | alias   | empty                                                    |
/// | 39   | streamResume       | alias   | protobuf `StreamResume`                                  |
/// | 40   | streamsResumed     | 0       | protobuf `StreamsResumed`                                |
/// | 41   | goOn               | 0       | u8 whether, u64 attachment, u64 count: `LinkGoOn`        |
/// | 42   | taken              | 0       | u64 count: so many frames of the other side were taken   |
/// | 48   | request            | request | u16 n, n bytes of protobuf `RequestHeader`, payload      |
/// | 49   | reply              | request | u16 n, n bytes of protobuf `ReplyHeader`, payload        |
/// | 50   | watchEvent         | request | payload                                                  |
/// | 51   | cancel             | request | empty                                                    |
///
/// Aliases are chosen by who opens: odd by the side that dialled (the extender), even by the other; a stream that is
/// resumed gets an odd one whoever opened it. An alias may be used again after both sides have sent done or either has
/// sent reset.
/// Control cases are boxed, so that moving a data frame moves few bytes.
package enum LinkFrame: Equatable, Sendable {
    /// First frame of the side that dialled.
    indirect case hello(LinkHello)
    /// Answer to hello.
    indirect case welcome(LinkWelcome)
    /// Asks for a pong with the same token.
    case ping(UInt64)
    /// Answer to ping.
    case pong(UInt64)
    /// The sender will stop: open nothing new here, finish what is open.
    case drain
    /// The sender closes now, and why.
    indirect case goAway(LinkGoAway)
    /// Asks to serve as an extender.
    indirect case attach(LinkAttach)
    /// Grants attach.
    indirect case attached(LinkAttached)
    /// Refuses hello or attach; the sender closes after it.
    indirect case refused(LinkRefusal)

    /// A session to another node came, went or changed.
    indirect case peerEvent(LinkPeerEvent)
    /// A whole message to or from a peer.
    indirect case message(LinkMessage)
    /// What became of a message that wanted to know.
    indirect case receipt(LinkReceipt)
    /// Message bytes may be sent to this session up to an absolute count.
    indirect case peerCredit(LinkPeerCredit)
    /// Asks for a session to a node.
    indirect case connect(ConnectRequest)
    /// Answer to connect: the session that serves it.
    indirect case connected(ConnectSuccess)
    /// Answer to connect: why there is none.
    indirect case connectFailed(ConnectFailure)

    /// Opens a stream.
    indirect case streamOpen(alias: UInt32, LinkStreamOpen)
    /// Bytes of a stream, in order; never empty.
    case streamData(alias: UInt32, ByteBuffer)
    /// The receiver allows bytes up to this absolute offset.
    case streamCredit(alias: UInt32, limit: UInt64)
    /// Bytes below this offset were consumed by the other side's handler.
    case streamAcknowledged(alias: UInt32, offset: UInt64)
    /// The sender will send no more bytes.
    case streamFinish(alias: UInt32)
    /// The stream is gone, in both directions.
    case streamReset(alias: UInt32, code: UInt32)
    /// All up to the other side's finish was consumed.
    case streamDone(alias: UInt32)
    /// A stream goes on over this link.
    indirect case streamResume(alias: UInt32, LinkStreamResume)
    /// Every stream of a resumed session was named.
    indirect case streamsResumed(LinkStreamsResumed)

    /// Whether an attachment goes on over this link, and where the sender stands.
    indirect case goOn(LinkGoOn)
    /// So many frames of the other side were taken in this attachment.
    case taken(count: UInt64)

    /// Asks for one reply, or for a watch.
    indirect case request(id: UInt32, LinkRequest)
    /// The one answer to a request; for a watch, its end.
    indirect case reply(id: UInt32, LinkReply)
    /// One event of a watch.
    case watchEvent(id: UInt32, ByteBuffer)
    /// The asker no longer wants the reply or the watch.
    case cancel(id: UInt32)
}

/// The bounds of the link protocol. Whoever exceeds one is closed.
package enum LinkLimits {
    /// The most that a frame's length may say: type, stream and body.
    package static let frameBytesMax = 1 << 20
    /// Bytes before the body: length, type and stream.
    package static let headerBytes = 9
    /// The longest body of raw bytes.
    package static let dataBytesMax = frameBytesMax - 5
    /// The longest protobuf body or header; refused before it is parsed.
    package static let controlBytesMax = 16 << 10
    /// The longest payload of a message, request, reply or watch event: type, stream, two bytes and the longest header
    /// stand before it.
    package static let payloadBytesMax = StreamLimits.messageBytesMax
    /// The longest protobuf header before a payload, so that the longest payload always fits.
    package static let payloadHeaderBytesMax = 1024
    /// The longest text that explains something: UTF-8 bytes.
    package static let reasonBytesMax = 512
    /// The longest isolation key.
    package static let isolationBytesMax = 256
    /// The longest method name.
    package static let methodBytesMax = 128
    /// The most named hops of a connect.
    package static let hopCountMax = 8
    /// In place of a connect's count of hops: as many as the node's setting says.
    package static let hopCountUsual = 255
    /// The most extenders that a peer event names.
    package static let extenderCountMax = 256
    /// The most capabilities of an attach.
    package static let capabilityCountMax = 32
    /// The longest name of a capability.
    package static let capabilityBytesMax = 64
    /// The longest delay of a message.
    package static let delayMillisecondsMax: UInt32 = 60_000
}
