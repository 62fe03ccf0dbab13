import GateModel
import GateSession
import GateTransport
import NIOCore
import NIOPosix

@testable import GateCommand

/// A session by a stranger with an identity of its own.
enum SessionOnce {
    /// Dials, waits until the session stands on both sides, and closes.
    static func dial(_ node: NodeUUID, port: UInt16) async throws {
        let identity = try BenchIdentity()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let ready = loop.makePromise(of: Void.self)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: Int(port))
        let channel = try await PeerBootstrap.dial(address, on: loop, timeout: .seconds(5)) { channel in
            let peer = BenchPeer(isDialler: true)
            peer.onReady = { _ in ready.succeed() }
            peer.onClosed = { ready.fail(BenchFailure.sessionEnded("\($0)")) }
            let connection = PeerConnection(
                dialling: node, presence: .mutual(identity.credentials), environment: try identity.environment())
            try channel.pipeline.syncOperations.addHandler(PeerChannelHandler(connection: connection, delegate: peer))
        }.get()
        try await ready.futureResult.get()
        try await channel.close()
    }
}

extension DemoFile {
    /// The beginning of every file.
    static func firstBytes(_ count: Int) -> [UInt8] { Array(block.readableBytesView.prefix(count)) }
}
