import GateLink
import GateLinkTransport
import GateModel
import Logging
import NIOCore
import NIOPosix
import Synchronization

let loops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
let ownNode = NodeUUID(UUIDBytes(high: 0x0102_0304_0506_8708, low: 0x890a_0b0c_0d0e_0f10))
let socks5 = ShippedExtender.socks5

/// Collects log lines, and lets a test wait for one.
final class LogBook: Sendable {
    private let lines = Mutex<[String]>([])
    private let stream: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    var logger: Logger {
        Logger(label: "test") { _ in BookHandler(book: self) }
    }

    fileprivate func write(_ line: String) {
        lines.withLock { $0.append(line) }
        continuation.yield(line)
    }

    /// The first line, now or later, that contains all of the texts.
    func line(with texts: String...) async -> String {
        for await line in stream where texts.allSatisfy({ line.contains($0) }) { return line }
        return ""
    }

    private struct BookHandler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let values = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
            book.write("\(event.level) \(event.message) \(values)")
        }
    }
}

/// Reports what a delegate sees; optionally sends every data frame back.
final class EventRecorder: LinkDelegate {
    enum Event: Sendable, Equatable {
        case opened(LinkPeer, LinkAttach?)
        case frame(LinkFrame)
        case closed(LinkFailure?)
    }

    private let events: AsyncStream<Event>.Continuation
    private let echoes: Bool
    private let greeting: [LinkFrame]

    init(_ events: AsyncStream<Event>.Continuation, echoes: Bool, greeting: [LinkFrame]) {
        self.events = events
        self.echoes = echoes
        self.greeting = greeting
    }

    func linkOpened(_ link: Link) {
        events.yield(.opened(link.peer, link.attach))
        for frame in greeting { link.send(frame) }
        link.flush()
    }

    func received(_ frame: LinkFrame, on link: Link) {
        events.yield(.frame(frame))
        if echoes { link.send(frame) }
    }

    func batchCompleted(on link: Link) {}
    func writabilityChanged(on link: Link) {}
    func linkClosed(_ link: Link, failure: LinkFailure?) { events.yield(.closed(failure)) }
}

/// The events of all delegates that one factory made, in order.
final class EventBook: Sendable {
    private let continuation: AsyncStream<EventRecorder.Event>.Continuation
    private let iterator: Mutex<AsyncStream<EventRecorder.Event>>
    private let echoes: Bool
    private let greeting: [LinkFrame]

    init(echoes: Bool = false, greeting: [LinkFrame] = []) {
        let (stream, continuation) = AsyncStream<EventRecorder.Event>.makeStream()
        self.continuation = continuation
        iterator = Mutex(stream)
        self.echoes = echoes
        self.greeting = greeting
    }

    var makeDelegate: @Sendable (LinkPeer, any EventLoop) -> any LinkDelegate {
        { _, _ in EventRecorder(self.continuation, echoes: self.echoes, greeting: self.greeting) }
    }

    /// The next event that `matches`, skipping others.
    func next(where matches: (EventRecorder.Event) -> Bool) async -> EventRecorder.Event? {
        let stream = iterator.withLock { $0 }
        for await event in stream where matches(event) { return event }
        return nil
    }

    func opened() async -> EventRecorder.Event? {
        await next { if case .opened = $0 { true } else { false } }
    }

    func closed() async -> EventRecorder.Event? {
        await next { if case .closed = $0 { true } else { false } }
    }
}

/// Answers `echo` with the body, `slow` never, `wrong` with not found; watches `count` up to three.
struct EchoResponder: LinkResponder {
    func respond(to request: LinkRequest, from peer: LinkPeer) async -> LinkReply {
        switch request.method {
        case "echo": return LinkReply(status: .done, body: request.body)
        case "slow":
            try? await Task.sleep(for: .seconds(60))
            return LinkReply(status: .done)
        case "wrong": return LinkReply(status: .notFound, reason: "nothing there")
        default: return LinkReply(status: .unknownMethod)
        }
    }

    func watch(_ request: LinkRequest, from peer: LinkPeer) async -> LinkWatchAnswer {
        let (stream, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
        for number: UInt8 in 1...3 { continuation.yield(ByteBuffer(bytes: [number])) }
        if request.method == "count" { continuation.finish() }
        return .events(stream)
    }
}

func issue(
    _ role: LinkRole, _ name: String, by authority: LinkAuthority, lifetime: Duration = .seconds(3600),
    now: UnixTime = .now()
) throws -> LinkCredentialSource {
    try LinkCredentialSource(LinkCredential(authority.issue(role: role, name: name, lifetime: lifetime, now: now)))
}

/// A kernel's service that grants every extender what it is.
func kernelService(events: EventBook, responder: (any LinkResponder)? = EchoResponder()) -> LinkService {
    LinkService(
        accepts: [.extender, .operator], worker: "kernel-1",
        admit: { peer in
            switch peer.name.role {
            case .extender(let extender): .granted(.attaching(as: extender))
            case .kernel, .database, .operator, .join: .granted(.none)
            }
        },
        makeDelegate: events.makeDelegate, responder: responder)
}
