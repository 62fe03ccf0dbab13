import GateLink
import GateModel
import GateTelemetry
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// Drives one link over a TLS channel, from the handshake to the close, on both sides.
///
///     securing ──handshake, judged──▶ greeting | receiving ──▶ open ──▶ ended
final class LinkChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What differs between the side that dialled and the other.
    enum Side: Sendable {
        case dialled(expects: LinkRoleKind, process: String?, attach: LinkAttach?, requester: LinkRequester)
        case accepted
    }

    private enum Phase {
        case securing
        case greeting(LinkGreeting, LinkPeer)
        case receiving(LinkReception, LinkPeer)
        case open(ChannelLink)
        case ended
    }

    private let side: Side
    private let service: LinkService
    private let settings: LinkSettings
    private let own: LinkName
    private let renewal: LinkRenewal
    private let logger: Logger
    private var phase = Phase.securing
    private var decoder = LinkFrameDecoder()
    private var gathered = ByteBuffer()
    private var context: ChannelHandlerContext?
    private var conversation: LinkConversation?
    private var otherRequestsMax = 1
    private var timer: Scheduled<Void>?
    private var hasReceived = false
    /// When the other side's certificate ends, the one in the handshake or a newer one.
    private var trustedUntil = UnixTime(seconds: 0)
    private var ticksToRenewal = LinkChannelHandler.ticksPerRenewal
    private var silentTicks = 0
    private(set) var failure: LinkFailure?
    private(set) var wasOpen = false

    init(side: Side, service: LinkService, settings: LinkSettings, own: LinkName, renewal: LinkRenewal, logger: Logger)
    {
        self.side = side
        self.service = service
        self.settings = settings
        self.own = own
        self.renewal = renewal
        self.logger = logger
    }

    /// Who is at the other end, once that is known.
    var peerName: LinkName? {
        switch phase {
        case .open(let link): link.peer.name
        case .receiving(_, let peer), .greeting(_, let peer): peer.name
        case .securing, .ended: nil
        }
    }

    /// What the other side may do, once the link is open.
    var grant: LinkGrant? { if case .open(let link) = phase { link.grant } else { nil } }

    /// Must come before the first byte.
    func serve(_ conversation: LinkConversation) { self.conversation = conversation }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: settings.openingTime.timeAmount) {
            self.end(.connection("not open in time"))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { handshakeCompleted(context) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .ended = phase { return }
        hasReceived = true
        decoder.feed(unwrapInboundIn(data))
        do {
            while let frame = try decoder.next() {
                received(frame)
                if case .ended = phase { return drop() }
            }
        } catch {
            endAndSay(.protocolFault(error))
            drop()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .open(let link) = phase { link.batchCompleted() }
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .open(let link) = phase { link.writabilityChanged() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .securing = phase {
            end(.handshake(explain(error, context)))
        } else {
            end(LinkFailure(channel: error))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.connection("closed by the other side"))
        conversation?.tasks.finish()
        self.context = nil
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(.connection("closed"))
        conversation?.tasks.finish()
        self.context = nil
    }

    // MARK: Opening

    private func handshakeCompleted(_ context: ChannelHandlerContext) {
        guard case .securing = phase else { return }
        let (roles, process): (Set<LinkRoleKind>, String?)
        switch side {
        case .dialled(let expects, let dialled, _, _): (roles, process) = ([expects], dialled)
        case .accepted: (roles, process) = (service.accepts, nil)
        }
        do {
            let (name, notAfter) = try LinkTrust.judge(
                context.shownCertificate, node: own.node, roles: roles, process: process, at: .now())
            greet(LinkPeer(name: name, notAfter: notAfter, address: context.remoteText))
        } catch {
            endAndSay(.notTrusted(error))
        }
    }

    private func greet(_ peer: LinkPeer) {
        switch side {
        case .accepted: phase = .receiving(LinkReception(peer.name), peer)
        case .dialled(_, _, let attach, _):
            phase = .greeting(LinkGreeting(attach: attach), peer)
            let requestsMax = UInt32(clamping: service.requestsMax)
            write(.hello(LinkHello(versions: .current, program: service.program, requestsMax: requestsMax)))
            flushFrames()
        }
    }

    private func received(_ frame: LinkFrame) {
        switch phase {
        case .open(let link):
            if case .request(let id, let request) = frame, request.method == LinkRenewal.method {
                return write(.reply(id: id, renewed(request.body, link.peer)))
            }
            if let failure = link.dispatch(frame) { endAndSay(failure) }
        case .receiving(var reception, let peer):
            if case .hello(let hello) = frame { otherRequestsMax = Int(hello.requestsMax) }
            let action = reception.received(frame, worker: service.worker)
            phase = .receiving(reception, peer)
            perform(action, peer)
        case .greeting(var greeting, let peer):
            let action = greeting.received(frame)
            phase = .greeting(greeting, peer)
            perform(action, peer)
        case .securing, .ended: break
        }
    }

    private func perform(_ action: LinkReception.Action, _ peer: LinkPeer) {
        switch action {
        case .decide: conversation?.tasks.yield(.admit(peer))
        case .send(let frame):
            write(frame)
            flushFrames()
        case .open(let frame, let grant, let attach):
            write(frame)
            flushFrames()
            open(
                peer,
                Link.Terms(isDialled: false, grant: grant, attach: attach, requestsMax: otherRequestsMax))
        case .refuse(let refusal):
            write(.refused(refusal))
            flushFrames()
            end(.refusing(refusal))
        case .close(let fault): endAndSay(.protocolFault(fault))
        }
    }

    private func perform(_ action: LinkGreeting.Action, _ peer: LinkPeer) {
        switch action {
        case .send(let frame):
            write(frame)
            flushFrames()
        case .open(let welcome, let attached):
            guard case .dialled(_, _, let attach, let requester) = side else { return }
            let terms = Link.Terms(
                isDialled: true, grant: welcome.grant, attach: attach, attached: attached,
                requestsMax: Int(welcome.requestsMax), version: welcome.version)
            open(peer, terms, requester: requester)
        case .close(let failure): endAndSay(failure)
        }
    }

    /// The service has decided; called on the loop.
    func admitted(_ admission: LinkAdmission) {
        guard case .receiving(var reception, let peer) = phase else { return }
        let action = reception.decided(
            admission, program: service.program, requestsMax: UInt32(clamping: service.requestsMax))
        phase = .receiving(reception, peer)
        if let action { perform(action, peer) }
    }

    private func open(_ peer: LinkPeer, _ terms: Link.Terms, requester: LinkRequester? = nil) {
        guard let context, let conversation else { return }
        let delegate = service.makeDelegate?(peer, context.eventLoop)
        let link = ChannelLink(
            handler: self, eventLoop: context.eventLoop, peer: peer, terms: terms, delegate: delegate,
            requester: requester ?? LinkRequester(eventLoop: context.eventLoop), desk: conversation.desk.value)
        phase = .open(link)
        wasOpen = true
        trustedUntil = peer.notAfter
        logger.info("link open", metadata: [LogKey.link: "\(peer.name)"])
        scheduleTick(context)
        link.opened()
        flushFrames()
    }

    // MARK: Alive or dead

    private static let ticksPerPing = 4
    /// How often it is looked whether our own certificate was renewed: every two times of silence before a ping.
    private static let ticksPerRenewal = 8

    private func scheduleTick(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let interval = settings.pingAfter / LinkChannelHandler.ticksPerPing
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: interval.timeAmount) { self.ticked() }
    }

    private func ticked() {
        guard case .open = phase, let context else { return }
        guard UnixTime.now() <= trustedUntil else {
            return leave(LinkGoAway(code: .credentialExpired, reason: "the certificate has expired"))
        }
        tellRenewal()
        silentTicks = hasReceived ? 0 : silentTicks + 1
        hasReceived = false
        let interval = settings.pingAfter / LinkChannelHandler.ticksPerPing
        if interval * silentTicks >= settings.deadAfter {
            return endAndSay(.leaving(LinkGoAway(code: .unresponsive, reason: "no answer to pings")))
        }
        if silentTicks > 0, silentTicks % LinkChannelHandler.ticksPerPing == 0 {
            write(.ping(UInt64(silentTicks)))
            flushFrames()
        }
        scheduleTick(context)
    }

    private func tellRenewal() {
        ticksToRenewal -= 1
        guard ticksToRenewal <= 0 else { return }
        ticksToRenewal = LinkChannelHandler.ticksPerRenewal
        guard let request = renewal.request() else { return }
        write(.request(id: LinkRenewal.requestID, request))
        flushFrames()
    }

    /// The other side shows a newer certificate; what it gets for an answer.
    private func renewed(_ body: ByteBuffer, _ peer: LinkPeer) -> LinkReply {
        let (reply, end) = renewal.answer(to: body, from: peer, shown: context?.shownCertificate, logger)
        if let end { trustedUntil = max(trustedUntil, end) }
        return reply
    }

    // MARK: Writing

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ frame: LinkFrame) {
        guard let context else { return }
        do {
            guard var payload = try LinkFrameEncoder.encodeHead(of: frame, into: &gathered) else { return }
            guard payload.readableBytes > ChannelLink.gatheredBytesMax else {
                gathered.writeBuffer(&payload)
                return
            }
            writeGathered(context)
            context.write(wrapOutboundOut(payload), promise: nil)
        } catch {
            logger.error("a frame is longer than the protocol allows", metadata: [LogKey.error: "\(error)"])
            endAndSay(.leaving(LinkGoAway(code: .protocolFault, reason: "a frame too long")))
        }
    }

    func flushFrames() {
        guard let context else { return }
        writeGathered(context)
        context.flush()
        guard !isWritable, isStalled(context) else { return }
        end(.leaving(LinkGoAway(code: .unresponsive, reason: "the other side does not read")))
    }

    private func writeGathered(_ context: ChannelHandlerContext) {
        guard gathered.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(gathered), promise: nil)
        gathered = ByteBuffer()
    }

    private func isStalled(_ context: ChannelHandlerContext) -> Bool {
        guard let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes) else { return false }
        return waiting > settings.outboundBytesMax
    }

    // MARK: Ending

    /// Closes by our own wish.
    func leave(_ goAway: LinkGoAway) {
        switch phase {
        case .open(let link):
            logger.info(
                "link closed", metadata: [LogKey.link: "\(link.peer.name)", LogKey.reason: "\(goAway.reason)"])
            link.close(goAway)
        case .securing, .greeting, .receiving: end(.leaving(goAway))
        case .ended: break
        }
    }

    func disconnect() {
        phase = .ended
        timer?.cancel()
        conversation?.tasks.finish()
        context?.close(promise: nil)
    }

    /// Tells the other side before the close, where it can be told.
    private func endAndSay(_ failure: LinkFailure) {
        switch failure {
        case .protocolFault: write(.goAway(LinkGoAway(code: .protocolFault, reason: "\(failure)")))
        case .notTrusted: write(.refused(LinkRefusal(code: .notPermitted, reason: "\(failure)")))
        case .leaving(let goAway): write(.goAway(goAway))
        case .handshake, .refused, .refusing, .goneAway, .connection: break
        }
        flushFrames()
        end(failure)
    }

    private func end(_ failure: LinkFailure) {
        if case .ended = phase { return }
        let ending = phase
        self.failure = failure
        phase = .ended
        log(failure, ending)
        if case .open(let link) = ending { link.closed(failure: failure) }
        disconnect()
    }

    private func drop() { decoder = LinkFrameDecoder() }

    // MARK: Saying why

    private func log(_ failure: LinkFailure, _ ending: Phase) {
        var metadata: Logger.Metadata = [LogKey.reason: "\(failure)"]
        if let context { metadata[LogKey.address] = "\(context.remoteText)" }
        switch ending {
        case .open(let link): metadata[LogKey.link] = "\(link.peer.name)"
        case .receiving(_, let peer), .greeting(_, let peer): metadata[LogKey.link] = "\(peer.name)"
        case .securing, .ended: break
        }
        switch failure {
        case .protocolFault, .notTrusted, .handshake, .refused, .refusing:
            logger.warning("link refused", metadata: metadata)
        case .goneAway, .leaving, .connection: logger.info("link closed", metadata: metadata)
        }
    }

    private func explain(_ error: any Error, _ context: ChannelHandlerContext) -> String {
        guard case .accepted = side, case NIOSSLError.handshakeFailed = error else { return "\(error)" }
        let reason = LinkTrust.explain(
            context.shownCertificate, node: own.node, roles: service.accepts, at: .now())
        return "\(reason) (\(error))"
    }
}
