@testable import GateKernel
import GateModel
import Testing

@Suite struct CreditGateTests {
    @Test func `an opener's first bytes need no word`() {
        var gate = CreditGate.opener
        #expect(gate.next(window: 4 << 20) == nil)
        #expect(!gate.isHeldBack)
        gate.grant(StreamLimits.openerCredit + 5)
        #expect(gate.next(window: 4 << 20) == StreamLimits.openerCredit + 5)
    }

    @Test func `a grant without end passes on a window beyond what was sent`() {
        var gate = CreditGate()
        gate.grant(.max)
        #expect(gate.next(window: 1000) == 1000)
        #expect(gate.next(window: 1000) == nil)
        #expect(gate.isHeldBack)

        gate.count(600)
        #expect(gate.next(window: 1000) == 1600)
        gate.count(100)
        #expect(gate.next(window: 1000) == nil, "less than an eighth of a window is no news")
    }

    @Test func `a smaller share takes nothing back`() {
        var gate = CreditGate()
        gate.grant(5000)
        #expect(gate.next(window: 4000) == 4000)
        gate.count(1000)
        #expect(gate.next(window: 100) == nil)
        gate.grant(3000)
        #expect(gate.granted == 5000)
    }
}
