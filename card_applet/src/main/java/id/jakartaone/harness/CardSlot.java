package id.jakartaone.harness;

import java.util.Optional;

/** One card of the harness: its kind, its runtime and what is done to it, one at a time. */
final class CardSlot {
    private final Kind kind;
    private final CardRt runtime;
    private VpcdBridge bridge;

    private CardSlot(Kind kind, CardRt runtime) {
        this.kind = kind;
        this.runtime = runtime;
    }

    /** A fresh card, or nothing if it was torn before persistent write `tear` of its install. */
    static Optional<CardSlot> make(Kind kind, int tear) {
        CardRt runtime = new CardRt();
        if (tear > 0) {
            runtime.memory().arm(new Tear(Tear.BEFORE_WRITE, tear, false));
        }
        try {
            runtime.install(kind);
        } catch (Torn torn) {
            return Optional.empty();
        }
        runtime.memory().arm(Tear.NEVER);
        return Optional.of(new CardSlot(kind, runtime));
    }

    /** The answer, or nothing if the armed tear fired; then the card has been powered up again. */
    synchronized Optional<byte[]> apdu(byte[] command) {
        try {
            return Optional.of(runtime.transmitCommand(command));
        } catch (Torn torn) {
            runtime.powerUp();
            return Optional.empty();
        }
    }

    synchronized void reset() {
        runtime.powerUp();
    }

    synchronized void tear(Tear tear) {
        runtime.memory().arm(tear);
    }

    synchronized void seed(byte[] seed) {
        runtime.seed(seed);
    }

    synchronized int[] counts() {
        return runtime.memory().counts();
    }

    synchronized byte[] state() {
        return State.read(runtime);
    }

    /** A new card of the same kind with the same persistent bytes, freshly powered up. */
    synchronized CardSlot copy() {
        CardSlot copy = make(kind, 0).orElseThrow();
        State.write(copy.runtime, State.read(runtime));
        return copy;
    }

    /** Take the place of another card in its reader, at once; false if no reader asks there. */
    boolean replace(CardSlot other) {
        VpcdBridge there;
        synchronized (other) {
            there = other.bridge;
        }
        if (there == null || !there.hold(this)) {
            return false;
        }
        synchronized (other) {
            other.bridge = null;
        }
        move(there);
        return true;
    }

    /** Put the card into another reader, out of the one it lies in; null puts it into none. */
    void move(VpcdBridge next) {
        VpcdBridge before;
        synchronized (this) {
            before = bridge;
            bridge = next;
        }
        if (before != null && before != next) {
            before.close();
        }
    }
}
