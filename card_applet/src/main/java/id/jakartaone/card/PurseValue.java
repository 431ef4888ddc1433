package id.jakartaone.card;

import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/**
 * DEBIT, CREDIT and CANCEL: the commands that move value, each in one transaction.
 *
 * <p>The MAC is checked first; then all that can fail, the TAC and S3 included, is worked out in
 * RAM; then begin, write, commit; and nothing that could throw comes after that.
 */
final class PurseValue {
    private static final byte PHASE_RESERVE = 1;
    private static final byte PHASE_COMMIT = 2;
    private static final byte PHASE_LAST = 2;

    private static final byte KIND_DEBIT = 1; // of a slot: 1 + slot
    private static final byte KIND_LOAD = 4;
    private static final byte KIND_REFUND = 5; // of a slot: 5 + slot

    // The order as it lies behind the command's header.
    private static final short AT_S = Application.DATA;
    private static final short PLACE = 9;
    private static final short SAM_COUNTER = 11;
    private static final short BEHIND_HEAD = 15; // a state, or operator 2 and category 2
    private static final short CATEGORY = 17;
    private static final short HEAD_SIZE = 10;
    private static final short MERCHANT_SIZE = 4;

    // The card part, as it is made in RAM; docs/spec/records.md.
    private static final short PART_KIND = 1;
    private static final short PART_ISSUER = 2;
    private static final short PART_CARD = 4;
    private static final short PART_NT = 12;
    private static final short PART_PURSE = 16;
    private static final short PART_KEY_VERSION = 17;
    private static final short PART_PLACE = 18;
    private static final short PART_AMOUNT = 20;
    private static final short PART_BALANCE = 24;
    private static final short PART_AT_S = 28;
    private static final short PART_TERMINAL = 32;
    private static final short PART_SAM_COUNTER = 40;
    private static final short PART_STATE = 44;
    private static final short PART_SIZE = 76;
    private static final byte VERSION = 1;

    private static final short ENTRY = PART_SIZE; // the log's entry, behind the card part
    private static final short ANSWER_SIZE = 16; // without S3

    private final PurseApplet purse;
    private final PurseState state;

    PurseValue(PurseApplet purse) {
        this.purse = purse;
        state = purse.state;
    }

    /** Answers DEBIT, CREDIT or CANCEL. */
    short move(byte[] buffer, short size) {
        byte[] session = purse.session;
        byte ins = buffer[Application.INS];
        byte parameter = buffer[Application.P2]; // slot or phase
        byte mode = modeOf(ins);
        boolean debits = ins == PurseApplet.INS_DEBIT;
        boolean restricted =
                debits
                        && session[Application.WAS] == mode
                        && session[PurseApplet.PURSE] != PurseState.MAIN;
        if (buffer[Application.P1] != 0
                || parameter < 0
                || parameter > lastParameter(ins, restricted)) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
        byte slot = debits ? parameter : PurseState.SLOT_NONE;
        short behind = restricted ? MERCHANT_SIZE : PurseState.slotSize(slot);
        Application.checkSize(size, (short) (HEAD_SIZE + behind + Mac.SIZE));
        purse.checkOpen(mode);
        purse.checkOrder(buffer, parameter, size);
        checkCard(buffer, restricted, !debits && parameter == PHASE_COMMIT);
        if (ins == PurseApplet.INS_CREDIT && parameter == PHASE_RESERVE) {
            return reserve(buffer);
        }
        byte kind = kindOf(ins, slot);
        if (ins == PurseApplet.INS_CANCEL) {
            slot = (byte) (kind - KIND_REFUND);
        }
        makePart(buffer, kind, slot);
        makeEntry();
        short answered = makeAnswer(buffer, ins);
        write(ins, slot, !debits && parameter == PHASE_COMMIT);
        purse.endSelect();
        session[Application.OPEN] = PurseApplet.DONE;
        return answered;
    }

    private static byte modeOf(byte ins) {
        if (ins == PurseApplet.INS_DEBIT) {
            return PurseApplet.MODE_DEBIT;
        }
        return ins == PurseApplet.INS_CREDIT ? PurseApplet.MODE_CREDIT : PurseApplet.MODE_CANCEL;
    }

    private static byte lastParameter(byte ins, boolean restricted) {
        if (ins == PurseApplet.INS_DEBIT) {
            return restricted ? PurseState.SLOT_NONE : PurseState.SLOT_PARKING;
        }
        return ins == PurseApplet.INS_CREDIT ? PHASE_LAST : 0;
    }

    /** Refuses what this card does not do now, in the order of the specification. */
    private void checkCard(byte[] buffer, boolean restricted, boolean commits) {
        byte[] data = state.data;
        if (data[PurseState.STATUS] != 0) {
            ISOException.throwIt(Sw.CARD_BLOCKED);
        }
        if (Rupiah.isLast(data, PurseState.NT)) {
            ISOException.throwIt(Sw.COUNTER_EXHAUSTED);
        }
        if (restricted && !state.allows(purse.session[PurseApplet.PURSE], buffer, CATEGORY)) {
            ISOException.throwIt(Sw.CATEGORY_REFUSED);
        }
        if (commits && !isReserved()) {
            ISOException.throwIt(Sw.REFERENCE_UNKNOWN);
        }
    }

    private boolean isReserved() {
        byte[] data = state.data;
        return (data[PurseState.FLAGS] & PurseState.RESERVED_LOAD) != 0
                && Util.arrayCompare(
                                data,
                                PurseState.RESERVED,
                                purse.session,
                                PurseApplet.PURSE,
                                (short) (1 + Rupiah.SIZE))
                        == 0;
    }

    /** Keeps purse and amount for a commit, in place of an earlier reservation. */
    private short reserve(byte[] buffer) {
        byte[] data = state.data;
        byte[] session = purse.session;
        short balance = PurseState.balanceAt(session[PurseApplet.PURSE]);
        short end = Application.DATA;
        end = Util.arrayCopyNonAtomic(data, balance, buffer, end, Rupiah.SIZE);
        end = Util.arrayCopyNonAtomic(data, PurseState.NT, buffer, end, (short) 4);
        Util.arrayFillNonAtomic(buffer, end, Mac.SIZE, (byte) 0);
        short answered = purse.signAnswer(buffer, PurseApplet.INS_CREDIT, ANSWER_SIZE);
        byte flags = state.flagsWith(PurseState.RESERVED_LOAD, (byte) 0);
        JCSystem.beginTransaction();
        Store.copy(
                session,
                PurseApplet.PURSE,
                data,
                PurseState.RESERVED,
                (short) (1 + Rupiah.SIZE));
        Store.put(data, PurseState.FLAGS, flags);
        state.forgiveWrongMacs();
        JCSystem.commitTransaction();
        purse.endSelect();
        return answered;
    }

    private byte kindOf(byte ins, byte slot) {
        if (ins == PurseApplet.INS_DEBIT) {
            return (byte) (KIND_DEBIT + slot);
        }
        if (ins == PurseApplet.INS_CREDIT) {
            return KIND_LOAD;
        }
        return (byte) (KIND_REFUND + purse.log.last(PurseLog.KIND) - KIND_DEBIT);
    }

    /** Makes the card part of the record in RAM, new counter, balance and state included. */
    private void makePart(byte[] buffer, byte kind, byte slot) {
        byte[] data = state.data;
        byte[] session = purse.session;
        byte[] work = purse.work;
        byte number = session[PurseApplet.PURSE];
        short balance = PurseState.balanceAt(number);
        work[0] = VERSION;
        work[PART_KIND] = kind;
        Util.arrayCopyNonAtomic(data, PurseState.ISSUER, work, PART_ISSUER, (short) 2);
        Util.arrayCopyNonAtomic(
                data, PurseState.CARD, work, PART_CARD, PurseState.CARD_SIZE);
        Rupiah.increment(data, PurseState.NT, work, PART_NT);
        work[PART_PURSE] = number;
        work[PART_KEY_VERSION] = data[PurseState.KEY_VERSION];
        Util.arrayCopyNonAtomic(buffer, PLACE, work, PART_PLACE, (short) 2);
        Util.arrayCopyNonAtomic(session, PurseApplet.AMOUNT, work, PART_AMOUNT, Rupiah.SIZE);
        if (kind < KIND_LOAD) {
            Rupiah.subtract(data, balance, session, PurseApplet.AMOUNT, work, PART_BALANCE);
        } else {
            Rupiah.add(data, balance, session, PurseApplet.AMOUNT, work, PART_BALANCE);
        }
        Util.arrayCopyNonAtomic(buffer, AT_S, work, PART_AT_S, (short) 4);
        Util.arrayCopyNonAtomic(session, PurseApplet.TERMINAL, work, PART_TERMINAL, (short) 8);
        Util.arrayCopyNonAtomic(buffer, SAM_COUNTER, work, PART_SAM_COUNTER, (short) 4);
        Util.arrayFillNonAtomic(work, PART_STATE, (short) (PART_SIZE - PART_STATE), (byte) 0);
        short stateSize = PurseState.slotSize(slot);
        if (kind < KIND_LOAD) {
            Util.arrayCopyNonAtomic(buffer, BEHIND_HEAD, work, PART_STATE, stateSize);
        } else {
            Util.arrayCopyNonAtomic(data, PurseState.BEFORE, work, PART_STATE, stateSize);
        }
    }

    /** Makes the log's entry, TAC included, behind the card part in RAM. */
    private void makeEntry() {
        byte[] work = purse.work;
        short end = Util.arrayCopyNonAtomic(work, PART_NT, work, ENTRY, (short) 4);
        work[end++] = VERSION;
        work[end++] = work[PART_KIND];
        end = Util.arrayCopyNonAtomic(work, PART_PURSE, work, end, (short) 2);
        end = Util.arrayCopyNonAtomic(work, PART_AMOUNT, work, end, Rupiah.SIZE);
        end = Util.arrayCopyNonAtomic(work, PART_AT_S, work, end, (short) 8); // and terminal
        end = Util.arrayCopyNonAtomic(work, PART_PLACE, work, end, (short) 2);
        end = Util.arrayCopyNonAtomic(work, (short) (PART_TERMINAL + 4), work, end, (short) 8);
        end = Util.arrayCopyNonAtomic(work, PART_BALANCE, work, end, Rupiah.SIZE);
        purse.mac.mac(
                state.data, PurseState.TAC_KEY, work, (short) 0, PART_SIZE, work, end);
    }

    /** Makes the answer with S3. */
    private short makeAnswer(byte[] buffer, byte ins) {
        byte[] work = purse.work;
        short end = Application.DATA;
        end = Util.arrayCopyNonAtomic(work, PART_BALANCE, buffer, end, Rupiah.SIZE);
        end = Util.arrayCopyNonAtomic(work, PART_NT, buffer, end, (short) 4);
        Util.arrayCopyNonAtomic(
                work, (short) (ENTRY + PurseLog.TAC), buffer, end, Mac.SIZE);
        return purse.signAnswer(buffer, ins, ANSWER_SIZE);
    }

    /** Puts everything that the transaction changes in place: all of it, or nothing. */
    private void write(byte ins, byte slot, boolean commits) {
        byte[] data = state.data;
        byte[] work = purse.work;
        short balance = PurseState.balanceAt(purse.session[PurseApplet.PURSE]);
        byte cleared = commits ? PurseState.RESERVED_LOAD : 0;
        byte flags = state.flagsWith(PurseState.UNCONFIRMED, cleared);
        JCSystem.beginTransaction();
        if (slot != PurseState.SLOT_NONE) {
            short at = PurseState.slotAt(slot);
            short size = PurseState.slotSize(slot);
            if (ins == PurseApplet.INS_DEBIT) {
                Store.copy(data, at, data, PurseState.BEFORE, size);
            }
            Store.copy(work, PART_STATE, data, at, size);
        }
        Store.copy(work, PART_BALANCE, data, balance, Rupiah.SIZE);
        Store.copy(work, PART_NT, data, PurseState.NT, (short) 4);
        purse.log.add(work, ENTRY);
        Store.put(data, PurseState.FLAGS, flags);
        state.forgiveWrongMacs();
        JCSystem.commitTransaction();
    }
}
