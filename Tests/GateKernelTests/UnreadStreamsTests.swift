import GateCrypto
import GateLink
import GateModel
import GateWire
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct UnreadStreamsTests {
    private static let streamCount = 256

    @Test func `a peer that grants all and reads nothing has a bounded sum wait, and all go on once it reads`()
        async throws
    {
        try await withKernels(1) { nodes in
            try await ExtenderLink.attached(to: nodes[0]) { replica in
                let session = UnreadSession(at: nodes[0])
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await sendAllThatIsGranted(as: replica) }
                    try await session.open(UnreadStreamsTests.streamCount)
                    let waiting = try await session.settled()
                    #expect(waiting > SessionEndpoint.lowWaterBytes)
                    #expect(waiting <= CreditLedger.bytesMax(streamCount: UnreadStreamsTests.streamCount))
                    #expect(try await session.drained() == UnreadStreamsTests.streamCount, "each is told more")
                    let again = try await session.settled()
                    #expect(again <= CreditLedger.bytesMax(streamCount: UnreadStreamsTests.streamCount))
                    tasks.cancelAll()
                }
            }
        }
    }

    @Test func `where too much waits in all sessions, those end whose peers do not read`() async throws {
        let backlog = LoopBacklog(bytesMax: 12 << 20)
        try await withKernels(1) { nodes in
            try await ExtenderLink.attached(to: nodes[0]) { replica in
                let reader = UnreadSession(at: nodes[0], number: 1, backlog, isRead: true)
                let others = (2...8).map { UnreadSession(at: nodes[0], number: $0, backlog) }
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await sendAllThatIsGranted(as: replica) }
                    try await reader.open(1)
                    for session in others { try await session.open(UnreadStreamsTests.streamCount) }
                    for session in others { _ = try await session.settled() }
                    let bytes = try await reader.onLoop { _ in backlog.bytes }
                    #expect(bytes > 4 << 20 && bytes <= 12 << 20)
                    var ended = 0
                    for session in others where try await session.onLoop(\.hasEnded) { ended += 1 }
                    #expect(ended > 0 && ended < others.count)
                    let sealed = try await reader.onLoop(\.sealedByteCount)
                    while try await reader.onLoop({ !$0.hasEnded && $0.sealedByteCount < sealed + 1 << 20 }) {
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    #expect(try await !reader.onLoop(\.hasEnded), "who reads goes on")
                    tasks.cancelAll()
                }
            }
        }
    }

    private func sendAllThatIsGranted(as replica: ExtenderLink) async throws {
        var sent: [UInt32: UInt64] = [:]
        while !Task.isCancelled {
            let (alias, limit): (UInt32, UInt64) = try await replica.next {
                switch $0 {
                case .streamOpen(let alias, let open): (alias, open.credit)
                case .streamCredit(let alias, let limit): (alias, limit)
                default: nil
                }
            }
            while let offset = Optional(sent[alias, default: 0]), offset < limit {
                let count = min(limit - offset, UInt64(StreamLimits.dataBytesMax))
                try await replica.send(.streamData(alias: alias, ByteBuffer(repeating: 7, count: Int(count))))
                sent[alias] = offset + count
            }
        }
    }
}

/// A session of a real worker over a carrier that takes nothing until it is told to, or all that comes.
///
/// `@unchecked Sendable`: everything is touched on `eventLoop` only.
private final class UnreadSession: SessionDriver, @unchecked Sendable {
    /// Sessions that share a backlog are on one loop.
    private static let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let eventLoop = UnreadSession.eventLoop
    private var endpoint: SessionEndpoint?
    private(set) var waitingByteCount = 0
    private(set) var sealedByteCount: UInt64 = 0
    private(set) var hasEnded = false
    private let isRead: Bool

    init(at node: KernelNode, number: UInt64 = 1, _ backlog: LoopBacklog = LoopBacklog(), isRead: Bool = false) {
        self.isRead = isRead
        endpoint = SessionEndpoint(
            id: SessionID(UUIDBytes(high: 0, low: number)), peer: .anonymous, eventLoop: eventLoop,
            way: .init(isRelayed: true, isInbound: true, isHiding: false, address: nil, certifiedUntil: nil),
            since: UnixTime(seconds: 0), driver: self, kernel: node.kernel.kernel, backlog: backlog)
    }

    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (UnreadSession) -> Value) async throws -> Value {
        try await eventLoop.submit { body(self) }.get()
    }

    /// The peer opens streams and grants all there is.
    func open(_ count: Int) async throws {
        try await eventLoop.submit { [self] in
            for number in 1...count {
                endpoint?.received(
                    .streamOpen(
                        alias: UInt32(2 * number - 1), id: StreamID(replica: 5, counter: UInt64(number)),
                        extender: KernelNode.extender, priority: .bulk, credit: .max >> 1))
            }
            endpoint?.batchEnded()
        }.get()
    }

    /// What waits once the extender has sent all that it was told.
    func settled() async throws -> Int {
        while true {
            let waiting: Int? = try await eventLoop.submit { [self] in
                let isSent = endpoint?.streams.values.allSatisfy { $0.credit.outstanding == 0 } ?? true
                return isSent ? waitingByteCount : nil
            }.get()
            if let waiting { return waiting }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The peer reads all that waits. How many streams were told more.
    func drained() async throws -> Int {
        try await eventLoop.submit { [self] in
            take()
            endpoint?.flush()
            return endpoint?.streams.values.count { $0.credit.outstanding > 0 } ?? 0
        }.get()
    }

    // MARK: SessionDriver

    func enqueue(_ message: SessionMessage) {
        if case .streamData(_, let data) = message { waitingByteCount += data.readableBytes }
    }
    func makeAlias() -> UInt32? { nil }
    func flush() { if isRead { take() } }
    func resumptionSecret() -> Secret? { nil }
    func close(_ reason: SessionCloseReason) {
        hasEnded = true
        waitingByteCount = 0
        endpoint?.ended(reason: "")
    }

    private func take() {
        sealedByteCount += UInt64(waitingByteCount)
        waitingByteCount = 0
    }
}
