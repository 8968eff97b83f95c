"""The language the processes speak: enums, units, records, reject reasons. Pure; numpy only."""
