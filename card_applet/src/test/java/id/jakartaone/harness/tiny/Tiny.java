package id.jakartaone.harness.tiny;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.RandomData;

/** An applet that does what applets should and should not, one thing an instruction. */
public final class Tiny extends Applet {
    private static final short SIZE = 8;

    private final byte[] data;
    private final byte[] big;
    private final byte[] onDeselect;
    private final byte[] onReset;
    private final RandomData random;
    private short count;
    private boolean flag;

    private Tiny() {
        data = new byte[SIZE];
        big = new byte[1000];
        onDeselect = JCSystem.makeTransientByteArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
        onReset = JCSystem.makeTransientByteArray((short) 1, JCSystem.CLEAR_ON_RESET);
        random = RandomData.getInstance(RandomData.ALG_KEYGENERATION);
        data[7] = 7;
    }

    /** As the platform calls it. */
    public static void install(byte[] parameters, short offset, byte length) {
        new Tiny().register(parameters, (short) (offset + 1), parameters[offset]);
    }

    @Override
    public void process(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        if (selectingApplet()) {
            return;
        }
        apdu.setIncomingAndReceive();
        short at = ISO7816.OFFSET_CDATA;
        switch (buffer[ISO7816.OFFSET_INS]) {
            case 0x10: // all five stores in one transaction
                JCSystem.beginTransaction();
                Util.arrayCopy(buffer, at, data, (short) 0, (short) 3);
                data[3] = buffer[(short) (at + 3)];
                Util.setShort(data, (short) 4, Util.getShort(buffer, (short) (at + 4)));
                count = Util.getShort(buffer, (short) (at + 6));
                flag = !flag;
                JCSystem.commitTransaction();
                break;
            case 0x12: // eight bytes, whole or not
                Util.arrayCopy(buffer, at, data, (short) 0, SIZE);
                break;
            case 0x14: // eight bytes one by one, past the open transaction
                JCSystem.beginTransaction();
                Util.arrayCopyNonAtomic(buffer, at, data, (short) 0, SIZE);
                JCSystem.abortTransaction();
                break;
            case 0x16: // one byte
                data[0] = buffer[at];
                break;
            case 0x18: // more than a transaction holds
                JCSystem.beginTransaction();
                for (short index = 0; index < big.length; index++) {
                    big[index] = 1;
                }
                JCSystem.commitTransaction();
                break;
            case 0x1A: // thrown out of a transaction
                JCSystem.beginTransaction();
                data[0] = 99;
                data[8] = 1;
                break;
            case 0x1C: // a transaction in a transaction
                JCSystem.beginTransaction();
                data[0] = 99;
                JCSystem.beginTransaction();
                break;
            case 0x1E: // left open
                JCSystem.beginTransaction();
                data[0] = 99;
                break;
            case 0x20:
                random.nextBytes(buffer, (short) 0, SIZE);
                apdu.setOutgoingAndSend((short) 0, SIZE);
                break;
            case 0x22:
                onDeselect[0] = 1;
                onReset[0] = 1;
                break;
            case 0x24: // what it holds
                Util.arrayCopyNonAtomic(data, (short) 0, buffer, (short) 0, SIZE);
                Util.setShort(buffer, SIZE, count);
                buffer[10] = onDeselect[0];
                buffer[11] = onReset[0];
                buffer[12] = JCSystem.getTransactionDepth();
                buffer[13] = big[0];
                apdu.setOutgoingAndSend((short) 0, (short) 14);
                break;
            case 0x26: // commits, then refuses
                JCSystem.beginTransaction();
                data[0] = buffer[at];
                JCSystem.commitTransaction();
                ISOException.throwIt((short) 0x6A80);
                break;
            case (byte) 0xA4:
                ISOException.throwIt(ISO7816.SW_FILE_NOT_FOUND);
                break;
            default:
                ISOException.throwIt(ISO7816.SW_INS_NOT_SUPPORTED);
        }
    }
}
