-- What each site used in each month: always right, for a record that comes late or again is one row.
CREATE VIEW usage_by_month AS
  SELECT site, year, month, SUM(jobs) AS jobs, SUM(wall_s) AS wall_s, SUM(cpu_s) AS cpu_s
  FROM usage GROUP BY site, year, month;
