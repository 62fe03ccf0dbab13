import GateExtenderKit
import GateModel
import Logging
import NIOCore

/// Opens streams to targets through exits, for clients.
struct Socks5Exits: Sendable {
    /// A stream whose exit has connected, and the target's first bytes if some came along.
    struct Answered: Sendable {
        let stream: PeerStream
        let rest: ByteBuffer
    }

    let pool: SessionPool
    let settings: CurrentSettings
    /// Exits that this process was told; empty: the node's settings say.
    let ownExitNodes: [NodeUUID]
    let logger: Logger

    /// The most exits that one request tries.
    static let exitsTried = 3
    /// How long an exit's answer may take beyond its own longest timeout.
    static let answerTime = Duration.seconds(125)

    /// The stream once its target is connected, or the reply that says why not.
    func stream(for wish: Socks5Wish, near loop: any EventLoop) async -> Result<Answered, ExitRefusal> {
        let settings = settings.value
        let choice = wish.options.exit.map { [$0] } ?? (ownExitNodes.isEmpty ? settings.exitNodes : ownExitNodes)
        guard !choice.isEmpty else {
            logger.warning("no exit is known: set socks5.exit-nodes, or name one as in `curl -U node=UUID:`")
            return .failure(ExitRefusal(.generalFailure))
        }
        var refusal = ExitRefusal(.generalFailure)
        for exit in inOrder(choice, for: wish.options.isolation).prefix(Self.exitsTried) {
            let key = SessionPool.Key(
                exit: exit, hops: wish.options.hops ?? settings.hops, isolation: wish.options.isolation)
            do {
                return try await stream(to: wish.target, key, near: loop)
            } catch {
                refusal = ExitRefusal(reply(for: error))
            }
        }
        return .failure(refusal)
    }

    /// One key's clients always begin with the same exit, other keys with others.
    private func inOrder(_ exits: [NodeUUID], for isolation: [UInt8]) -> [NodeUUID] {
        var hasher = Hasher()
        hasher.combine(isolation)
        let first = Int(hasher.finalize().magnitude % UInt(exits.count))
        return Array(exits[first...] + exits[..<first])
    }

    /// A session may have ended unnoticed, so a fresh one is tried once.
    private func stream(
        to target: Socks5Target, _ key: SessionPool.Key, near loop: any EventLoop
    ) async throws -> Result<Answered, ExitRefusal> {
        do {
            return try await ask(target, over: try await pool.session(for: key, near: loop))
        } catch let failure as ExtenderFailure where failure.code == .sessionEnded {
            return try await ask(target, over: try await pool.session(for: key, near: loop))
        }
    }

    private func ask(_ target: Socks5Target, over session: PeerSession) async throws -> Result<Answered, ExitRefusal> {
        var request = ByteBuffer()
        ExitRequest.encode(target, into: &request)
        do {
            let stream = try await session.openStream(first: request)
            let (reply, rest) = try await within(Self.answerTime) { try await answer(on: stream) }
            guard reply == .succeeded else {
                stream.finish()
                return .failure(ExitRefusal(reply))
            }
            return .success(Answered(stream: stream, rest: rest))
        } catch let failure as ExtenderFailure where failure.code == .sessionEnded {
            await pool.ended(session.id)
            throw failure
        }
    }

    private func answer(on stream: PeerStream) async throws -> (Socks5Reply, ByteBuffer) {
        var input = ByteBuffer()
        while let bytes = try await stream.read() {
            input.writeImmutableBuffer(bytes)
            if let reply = try ExitAnswer.decode(&input) { return (reply, input) }
        }
        throw ExitRequestFailure.malformed
    }

    private func reply(for error: any Error) -> Socks5Reply {
        guard let failure = error as? ExtenderFailure else {
            return error is DeadlineExceeded ? .timeToLiveExpired : .generalFailure
        }
        logger.info("no way to the exit", metadata: ["reason": "\(failure)"])
        return switch failure.code {
        case .refused, .notAccepted: .notAllowed
        case .unknownPeer, .unreachable: .hostUnreachable
        case .noRoute, .noExtender: .networkUnreachable
        case .timedOut: .timeToLiveExpired
        default: .generalFailure
        }
    }
}
