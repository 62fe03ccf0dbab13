/// The type byte of a frame, with the rules that can be checked before its body is there.
enum LinkFrameType: UInt8 {
    case hello = 1
    case welcome = 2
    case ping = 3
    case pong = 4
    case drain = 5
    case goAway = 6
    case attach = 7
    case attached = 8
    case refused = 9
    case peerEvent = 16
    case message = 17
    case receipt = 18
    case peerCredit = 19
    case connect = 20
    case connected = 21
    case connectFailed = 22
    case streamOpen = 32
    case streamData = 33
    case streamCredit = 34
    case streamAcknowledged = 35
    case streamFinish = 36
    case streamReset = 37
    case streamDone = 38
    case streamResume = 39
    case streamsResumed = 40
    case goOn = 41
    case taken = 42
    case request = 48
    case reply = 49
    case watchEvent = 50
    case cancel = 51

    /// The lengths that a body of this type can have.
    var bodyBytes: ClosedRange<Int> {
        switch self {
        case .drain, .streamFinish, .streamDone, .cancel: 0...0
        case .ping, .pong, .streamCredit, .streamAcknowledged, .taken: 8...8
        case .goOn: LinkGoOn.byteCount...LinkGoOn.byteCount
        case .streamReset: 4...4
        case .streamData: 1...LinkLimits.dataBytesMax
        case .watchEvent: 0...LinkLimits.payloadBytesMax
        case .message, .request, .reply: 2...LinkLimits.dataBytesMax
        case .hello, .welcome, .goAway, .attach, .attached, .refused, .peerEvent, .receipt, .peerCredit, .connect,
            .connected, .connectFailed, .streamOpen, .streamResume, .streamsResumed:
            0...LinkLimits.controlBytesMax
        }
    }

    /// Whether the header's stream is an alias or a request's id; it is 0 otherwise.
    var namesStream: Bool {
        switch self {
        case .streamOpen, .streamData, .streamCredit, .streamAcknowledged, .streamFinish, .streamReset, .streamDone,
            .streamResume, .request, .reply, .watchEvent, .cancel:
            true
        case .hello, .welcome, .ping, .pong, .drain, .goAway, .attach, .attached, .refused, .peerEvent, .message,
            .receipt, .peerCredit, .connect, .connected, .connectFailed, .streamsResumed, .goOn, .taken:
            false
        }
    }
}

extension LinkFrame {
    var type: LinkFrameType {
        switch self {
        case .hello: .hello
        case .welcome: .welcome
        case .ping: .ping
        case .pong: .pong
        case .drain: .drain
        case .goAway: .goAway
        case .attach: .attach
        case .attached: .attached
        case .refused: .refused
        case .peerEvent: .peerEvent
        case .message: .message
        case .receipt: .receipt
        case .peerCredit: .peerCredit
        case .connect: .connect
        case .connected: .connected
        case .connectFailed: .connectFailed
        case .streamOpen: .streamOpen
        case .streamData: .streamData
        case .streamCredit: .streamCredit
        case .streamAcknowledged: .streamAcknowledged
        case .streamFinish: .streamFinish
        case .streamReset: .streamReset
        case .streamDone: .streamDone
        case .streamResume: .streamResume
        case .streamsResumed: .streamsResumed
        case .goOn: .goOn
        case .taken: .taken
        case .request: .request
        case .reply: .reply
        case .watchEvent: .watchEvent
        case .cancel: .cancel
        }
    }

    /// The fault of a frame that is proper but may not come now, or from this side.
    package var unexpected: LinkFrameFault { .unexpected(type: type.rawValue) }
}
