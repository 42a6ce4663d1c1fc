from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_tables")]
    operations = [
        migrations.RunSQL("ALTER TABLE catalog_stockreport DROP COLUMN articles"),
        migrations.RunSQL("SELECT * FROM no_such_table"),
    ]
