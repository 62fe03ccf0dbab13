import GateModel
import NIOCore
import NIOPosix

/// Connects to targets for peers. What is judged is the address that is connected, whatever name led to it.
struct ExitDialler: Sendable {
    let resolver: ExitResolver
    let own: OwnAddresses

    /// How long one of several addresses may take before the next is tried.
    static let attemptTime = Duration.seconds(5)

    /// A connected channel on `loop`, reading switched off; or the reply that says why not.
    func connect(
        to target: Socks5Target, for session: SessionID, settings: Socks5Settings, on loop: any EventLoop
    ) async -> Result<any Channel, ExitRefusal> {
        let found: [IPAddress]
        switch target.host {
        case .address(let address): found = [address]
        case .name(let name): found = await resolver.addresses(of: name, for: session)
        }
        guard !found.isEmpty else { return .failure(ExitRefusal(.hostUnreachable)) }
        let own = settings.allowsPrivate ? [] : await own.current()
        let permitted = found.filter { settings.allowsPrivate || isPermitted($0, own) }
        guard !permitted.isEmpty else { return .failure(ExitRefusal(.notAllowed)) }
        var refusal = ExitRefusal(.hostUnreachable)
        for address in permitted where !Task.isCancelled {
            let time = permitted.count == 1 ? settings.connectTimeout : min(Self.attemptTime, settings.connectTimeout)
            do {
                return .success(try await connect(to: address, port: target.port, within: time, on: loop))
            } catch {
                refusal = ExitRefusal(reply(for: error))
            }
        }
        return .failure(refusal)
    }

    private func isPermitted(_ address: IPAddress, _ own: Set<IPAddress>) -> Bool {
        guard address.isPublicUnicast else { return false }
        if let embedded = address.embeddedIPv4, own.contains(embedded) { return false }
        return !own.contains(address)
    }

    private func connect(
        to address: IPAddress, port: UInt16, within time: Duration, on loop: any EventLoop
    ) async throws -> any Channel {
        let connecting = try ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(time))
            .channelOption(.autoRead, value: false)
            .withSplicing()
            .connect(to: address.socketAddress(port: port))
        return try await withTaskCancellationHandler {
            try await connecting.get()
        } onCancel: {
            connecting.whenSuccess { $0.close(promise: nil) }
        }
    }

    private func reply(for error: any Error) -> Socks5Reply {
        switch error {
        case let error as IOError:
            switch error.errnoCode {
            case ECONNREFUSED: .connectionRefused
            case ENETUNREACH: .networkUnreachable
            case EHOSTUNREACH: .hostUnreachable
            case ETIMEDOUT: .timeToLiveExpired
            default: .generalFailure
            }
        case ChannelError.connectTimeout: .timeToLiveExpired
        default: .generalFailure
        }
    }
}

/// Why an exit does not connect.
struct ExitRefusal: Error, Equatable {
    let reply: Socks5Reply

    init(_ reply: Socks5Reply) { self.reply = reply }
}

extension ClientBootstrap {
    /// The options of a channel that is spliced with a stream.
    func withSplicing() -> ClientBootstrap {
        channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: SplicedChannel.receiving)
            .channelOption(.maxMessagesPerRead, value: 2)
            .channelOption(.writeBufferWaterMark, value: SplicedChannel.watermark)
    }
}

/// How much a spliced channel reads and holds at once.
enum SplicedChannel {
    static var receiving: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 4 << 10, initial: 16 << 10, maximum: 256 << 10)
    }

    static var watermark: ChannelOptions.Types.WriteBufferWaterMark { .init(low: 256 << 10, high: 1 << 20) }
}
