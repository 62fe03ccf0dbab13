import GateExtenderKit
import GateLink
import GateLinkStore
import GateLinkTransport
import GateModel
import GateStore
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GateKernel

extension PeerSession {
    /// Whether an echo over a stream of its own comes back whole, in order and once.
    func echoes(_ byteCount: Int) async throws -> Bool {
        let stream = try await openStream()
        async let sent: Void = {
            var offset = 0
            while offset < byteCount {
                let count = min(40_000, byteCount - offset)
                try await stream.write(ByteBuffer(bytes: (offset..<(offset + count)).map(PeerSession.byte)))
                offset += count
            }
            stream.finish()
        }()
        var offset = 0
        for try await bytes in stream.bytes {
            for byte in bytes.readableBytesView {
                guard byte == PeerSession.byte(at: offset) else { return false }
                offset += 1
            }
        }
        try await sent
        return offset == byteCount
    }

    private static func byte(at offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset ^ offset >> 8 ^ offset >> 16) }
}

/// Echoes, and notes what it hears.
final class WitnessExtender: Extender {
    let id = KernelNode.extender
    let name = "witness"
    private let changes = Mutex<[PeerChange.Kind]>([])
    private let messages = Mutex(0)

    func seen(_ kind: PeerChange.Kind) -> Int { changes.withLock { $0.count { $0 == kind } } }
    var messageCount: Int { messages.withLock(\.self) }

    func peerChanged(_ change: PeerChange) async { changes.withLock { $0.append(change.kind) } }
    func received(_ message: PeerMessage) async { messages.withLock { $0 += 1 } }

    func opened(_ stream: PeerStream) async throws {
        for try await bytes in stream.bytes { try await stream.write(bytes) }
        stream.finish()
    }

    /// A replica of it at workers of one node, over links within the process.
    func replica(at node: KernelNode, workers: [KernelNode]) async throws -> ExtenderService {
        let name = try #require(LinkName(node: node.uuid, role: .extender(KernelNode.extender), name: "test-1"))
        try await node.store.setRights(RightsRow(name: name.rightsName, extenders: [KernelNode.extender]))
        return service(.memory(workers.map(\.kernel.ready.memoryLinks), as: name))
    }

    /// A replica of it at a worker that takes links over TCP.
    func replica(at node: KernelNode, authority: LinkAuthority) async throws -> ExtenderService {
        let issued = try authority.issue(role: .extender(KernelNode.extender), name: "test-1", lifetime: .seconds(3600))
        let credential = try LinkCredentialSource(LinkCredential(issued))
        let rights = RightsRow(name: credential.current().name.rightsName, extenders: [KernelNode.extender])
        try await node.store.setRights(rights)
        let endpoint = try #require(node.kernel.ready.linkEndpoint)
        return service(
            .network(FixedWorkers([WorkerAddress(name: "kernel-1", endpoint: endpoint)]), credential: credential))
    }

    private func service(_ access: NodeAccess) -> ExtenderService {
        ExtenderService(
            extender: self, access: access, group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }
}
